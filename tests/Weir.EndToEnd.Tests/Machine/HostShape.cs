// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>How a host is before Weir comes to it.</summary>
internal sealed record HostShape(string Name)
{
    /// <summary>A veth to the world, the kernel's own settings, no firewall.</summary>
    internal static HostShape Plain { get; } = new("plain");

    /// <summary>Parameters of the kernel of an emulated machine, which it is then; null: it is a sandbox.</summary>
    internal string? Kernel { get; init; }

    /// <summary>Makes the device world0, whose other end is up0 in the namespace "world".</summary>
    internal string Uplink { get; init; } = "ip link add world0 type veth peer name up0 netns world";

    /// <summary>Run by bash before dockerd starts.</summary>
    internal string First { get; init; } = "true";

    /// <summary>What dockerd is told.</summary>
    internal string DockerFlags { get; init; } = "";

    /// <summary>Run by bash when dockerd runs and the uplink is up, before the agent starts.</summary>
    internal string Prepare { get; init; } = "true";

    /// <summary>Run when agent and containers are there, before a door is tried.</summary>
    internal string Meanwhile { get; init; } = "true";

    /// <summary>Whether the host speaks IPv6.</summary>
    internal bool HasIpv6 { get; init; } = true;

    /// <summary>The agent's setting published-ports; null: it is not told.</summary>
    internal string? PublishedPorts { get; init; } = "open";

    /// <summary>The agent's setting http-verdict; null: it is not told.</summary>
    internal string? HttpVerdict { get; init; }

    /// <summary>What the agent is started by: "setpriv" and its options; empty: by nothing.</summary>
    internal IReadOnlyList<string> Launcher { get; init; } = [];

    /// <summary>Another address of the host's by which the world comes.</summary>
    internal string? SecondAddress { get; init; }

    public override string ToString() => Name;
}
