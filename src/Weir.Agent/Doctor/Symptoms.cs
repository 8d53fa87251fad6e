// SPDX-License-Identifier: Apache-2.0

using Weir.Control;
using Weir.Datapath;

namespace Weir.Agent.Doctor;

/// <summary>What host, kernel and agent say of themselves; null: nobody could be asked.</summary>
internal sealed record Symptoms
{
    internal IReadOnlyList<DatapathRequirement> Kernel { get; init; } = [];

    internal IReadOnlyList<HostLimit> Limits { get; init; } = [];

    /// <summary>"weir status -o json".</summary>
    internal string? Status { get; init; }

    /// <summary>"weir policy get -o json".</summary>
    internal string? Policies { get; init; }

    /// <summary>"ip rule", of both families.</summary>
    internal string IpRules { get; init; } = "";

    /// <summary>"iptables-save", of both families.</summary>
    internal string Iptables { get; init; } = "";

    /// <summary>"nft list ruleset".</summary>
    internal string Nftables { get; init; } = "";

    /// <summary>"bpftool net show"; null: there is no such tool.</summary>
    internal string? BpfDevices { get; init; }

    /// <summary>/etc/ufw/ufw.conf.</summary>
    internal string Ufw { get; init; } = "";

    /// <summary>Flows in the kernel's own connection tracking, and how many there may be.</summary>
    internal (long Used, long Most)? Netfilter { get; init; }
}
