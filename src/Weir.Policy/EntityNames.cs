// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>Entities as they are written, and whom they mean.</summary>
public static class EntityNames
{
    /// <summary>Every name, in the order of the documentation.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "all", "world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "init", "unmanaged", "health",
        "ingress", "kube-apiserver", "none",
    ];

    /// <summary>"world-ipv4".</summary>
    public static string Name(this Entity entity) => entity switch
    {
        Entity.WorldIpv4 => "world-ipv4",
        Entity.WorldIpv6 => "world-ipv6",
        Entity.RemoteNode => "remote-node",
        Entity.KubeApiServer => "kube-apiserver",
        _ => entity.ToString().ToLowerInvariant(),
    };

    /// <summary>Finds an entity by its name.</summary>
    public static bool TryParse(string name, out Entity entity)
    {
        foreach (var candidate in Enum.GetValues<Entity>())
        {
            if (candidate.Name() == name)
            {
                entity = candidate;
                return true;
            }
        }

        entity = Entity.None;
        return false;
    }

    /// <summary>Whether the entity means this identity; a CIDR identity needs its prefix to tell the family.</summary>
    internal static bool Matches(this Entity entity, Identity identity, IpPrefix? cidr) => entity switch
    {
        Entity.All => true,
        Entity.World => identity.IsWorld,
        Entity.WorldIpv4 => identity == Identity.WorldIpv4 || (identity.IsCidr && cidr is { IsIpv6: false }),
        Entity.WorldIpv6 => identity == Identity.WorldIpv6 || (identity.IsCidr && cidr is { IsIpv6: true }),
        Entity.Cluster => identity != Identity.Unknown && !identity.IsWorld,
        Entity.Host => identity == Identity.Host,
        Entity.RemoteNode => identity == Identity.RemoteNode,
        Entity.Init => identity == Identity.Init,
        Entity.Unmanaged => identity == Identity.Unmanaged,
        Entity.Health => identity == Identity.Health,
        Entity.Ingress => identity == Identity.Ingress,
        Entity.KubeApiServer => identity == Identity.KubeApiServer,
        _ => false,
    };
}
