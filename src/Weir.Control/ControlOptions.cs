// SPDX-License-Identifier: Apache-2.0

using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>What the control plane can be told.</summary>
public sealed record ControlOptions
{
    /// <summary>When endpoints are under policy.</summary>
    public EnforcementMode Enforcement { get; init; } = EnforcementMode.Default;

    /// <summary>What containers and the host hear when they are denied, where no policy says otherwise. The world
    /// hears nothing.</summary>
    public DenyResponse DenyResponse { get; init; } = DenyResponse.Answer;

    /// <summary>Where networks without --subnet get their IPv4 range from, cut in /24.</summary>
    public IpPrefix Ipv4Range { get; init; } = IpPrefix.Parse("10.210.0.0/16");

    /// <summary>Where networks with --ipv6 and without --subnet get their range from, cut in /64.</summary>
    public IpPrefix Ipv6Range { get; init; } = IpPrefix.Parse("fd77:6569:72::/48");

    /// <summary>Of container links, in bytes, where the network does not say otherwise.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Whether what leaves the host gets the host's address.</summary>
    public bool Masquerade { get; init; } = true;

    /// <summary>Whether outsiders come in by published ports where nothing says who may; null: as the installation began.</summary>
    public DoorMode? PublishedPorts { get; init; }

    /// <summary>Devices by which clients of services come; empty: all with an address that are no bridge.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>How the load balancer's program is attached to them.</summary>
    public XdpPreference XdpMode { get; init; } = XdpPreference.Auto;

    /// <summary>Whether containers' TCP connections are measured.</summary>
    public bool Measure { get; init; } = true;

    /// <summary>Who judges HTTP requests.</summary>
    public HttpVerdict HttpVerdict { get; init; } = HttpVerdict.Auto;

    /// <summary>Who this host is to the other nodes of its cluster; null: it is by itself.</summary>
    public ClusterOptions? Cluster { get; init; }

    /// <summary>Which labels of containers make their identity.</summary>
    public LabelFilter Labels { get; init; } = LabelFilter.Default;
}
