// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>Peers that have a name of their own in rules.</summary>
public enum Entity
{
    /// <summary>Every identity, also one that is not known.</summary>
    All,

    /// <summary>What is outside: the world and every CIDR identity.</summary>
    World,

    /// <summary>Outside, IPv4.</summary>
    WorldIpv4,

    /// <summary>Outside, IPv6.</summary>
    WorldIpv6,

    /// <summary>Every endpoint, host and reserved identity that is not outside.</summary>
    Cluster,

    /// <summary>This host.</summary>
    Host,

    /// <summary>Other hosts.</summary>
    RemoteNode,

    /// <summary>Endpoints whose labels are not known yet.</summary>
    Init,

    /// <summary>Containers that Weir does not manage.</summary>
    Unmanaged,

    /// <summary>Health probes.</summary>
    Health,

    /// <summary>Ingress proxies.</summary>
    Ingress,

    /// <summary>The Kubernetes API server.</summary>
    KubeApiServer,

    /// <summary>Nobody.</summary>
    None,
}
