// SPDX-License-Identifier: Apache-2.0

namespace Weir.Agent.Bundle;

/// <summary>One file of a bundle: what a command says, or what stands in files.</summary>
/// <param name="File">Its name in the archive; .json is masked as such.</param>
/// <param name="What">What it is, for whoever opens the archive.</param>
/// <param name="Command">A program and its arguments; "weir" is this executable.</param>
/// <param name="Sources">Instead of a command: files, each with its name above it.</param>
internal sealed record BundlePart(string File, string What, string[] Command, string[]? Sources = null)
{
    private static readonly string[] _sysctls =
    [
        "kernel/osrelease", "kernel/version", "kernel/unprivileged_bpf_disabled", "net/core/bpf_jit_enable", "net/core/bpf_jit_harden", "net/core/bpf_jit_limit",
        "net/core/netdev_max_backlog", "net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter", "net/ipv4/conf/all/accept_local",
        "net/ipv4/conf/all/route_localnet", "net/ipv4/conf/all/src_valid_mark", "net/ipv4/ip_local_port_range", "net/ipv4/ip_local_reserved_ports",
        "net/ipv4/tcp_congestion_control", "net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/all/forwarding", "net/netfilter/nf_conntrack_count",
        "net/netfilter/nf_conntrack_max", "net/ipv4/neigh/default/gc_thresh3",
    ];

    /// <param name="settings">The agent's settings.</param>
    /// <param name="withFlows">Whether what is on record is in it.</param>
    internal static IEnumerable<BundlePart> All(string settings, bool withFlows)
    {
        yield return Weir("version.txt", "this command's version and the agent's", "version");
        yield return Weir("check.txt", "what Weir needs of this kernel, and what limits it here", "check");
        yield return Weir("status.json", "the agent's state", "status", "-o", "json");
        yield return Weir("networks.json", "networks", "network", "list", "-o", "json");
        yield return Weir("endpoints.json", "endpoints", "endpoint", "list", "-o", "json");
        yield return Weir("identities.json", "identities", "identity", "list", "-o", "json");
        yield return Weir("policies.json", "policies in force, with file and line, without headers' values", "policy", "get", "-o", "json");
        yield return Weir("policy-history.json", "when which were in force, and who applied them", "policy", "history", "-o", "json");
        yield return Weir("services.json", "services", "service", "list", "-o", "json");
        yield return Weir("published.json", "who comes in from outside", "publish", "list", "-o", "json");
        yield return Weir("prefilter.json", "sources that are dropped at once", "prefilter", "list", "-o", "json");
        yield return Weir("nodes.json", "the other hosts", "node", "list", "-o", "json");
        yield return Weir("addresses.json", "the ipcache", "ip", "list", "-o", "json");
        yield return Weir("maps.json", "BPF maps with their sizes and how full they are", "map", "list", "-o", "json");
        yield return Weir("metrics.txt", "all that is counted", "metrics", "--prometheus");
        if (withFlows)
        {
            yield return Weir("flows.txt", "what was dropped and refused in the last hour", "flows", "--since", "1h");
        }

        yield return new("host/settings.txt", "the agent's settings", [], [settings]);
        yield return new("host/system.txt", "kernel and distribution", [], ["/proc/version", "/etc/os-release", "/proc/cmdline", "/proc/meminfo"]);
        yield return new("host/sysctls.txt", "sysctls that matter", [], [.. _sysctls.Select(name => "/proc/sys/" + name)]);
        yield return new("host/mounts.txt", "file systems: BPF's, control groups'", [], ["/proc/self/mountinfo", "/proc/self/cgroup"]);
        yield return new("host/links.txt", "devices", ["ip", "-d", "-s", "link"]);
        yield return new("host/addresses.txt", "their addresses", ["ip", "addr"]);
        yield return new("host/rules.txt", "which routing table is asked when", ["ip", "rule"]);
        yield return new("host/rules6.txt", "the same for IPv6", ["ip", "-6", "rule"]);
        yield return new("host/routes.txt", "routes of all tables", ["ip", "route", "show", "table", "all"]);
        yield return new("host/routes6.txt", "the same for IPv6", ["ip", "-6", "route", "show", "table", "all"]);
        yield return new("host/iptables.txt", "netfilter's rules by iptables", ["iptables-save"]);
        yield return new("host/ip6tables.txt", "the same for IPv6", ["ip6tables-save"]);
        yield return new("host/nftables.txt", "netfilter's rules by nftables", ["nft", "list", "ruleset"]);
        yield return new("host/bpf-programs.txt", "BPF programs of everybody: instructions, memory", ["bpftool", "prog", "show"]);
        yield return new("host/bpf-links.txt", "and where they are attached", ["bpftool", "link", "show"]);
        yield return new("host/bpf-devices.txt", "and at which devices", ["bpftool", "net", "show"]);
        yield return new("host/docker.txt", "Docker's version", ["docker", "version"]);
        yield return new("host/docker-networks.txt", "Docker's networks", ["docker", "network", "ls"]);
        yield return new("log.txt", "what the agent logged last, by the unit weir.service", ["journalctl", "-u", "weir", "-n", "3000", "--no-pager", "-o", "short-iso"]);
    }

    private static BundlePart Weir(string file, string what, params string[] arguments) => new(file, what, ["weir", .. arguments]);
}
