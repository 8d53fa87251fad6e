// SPDX-License-Identifier: Apache-2.0
using Weir.Linux;
using Weir.Linux.Netlink;

namespace Weir.Control.Host;

/// <summary>Looks at the host for what limits Weir there, before anybody meets it: one row a limit, in order of
/// harm. Reads only, and needs no agent.</summary>
public static class HostLimits
{
    private const int TcxMajor = 6;
    private const int TcxMinor = 6;
    private const byte ScopeGlobal = 0;

    /// <summary>Every limit of the host as it is now.</summary>
    public static IReadOnlyList<HostLimit> Find(ControlOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return [.. Find(options, Setting, HasTool, NetfilterGeneration.Read() is not null, Environment.OSVersion.Version, Devices()), .. Firewalld()];
    }

    /// <param name="setting">The value of a sysctl; null: this kernel has none of that name.</param>
    /// <param name="hasTool">Whether a command is installed.</param>
    /// <param name="hasNftables">Whether the kernel has them, which do without a command.</param>
    /// <param name="devices">Those that have an address.</param>
    internal static IReadOnlyList<HostLimit> Find(
        ControlOptions options, Func<string, string?> setting, Func<string, bool> hasTool, bool hasNftables, Version kernel, IReadOnlyList<LinkInfo> devices)
    {
        List<HostLimit> limits = [];
        AddIf(!hasNftables && !hasTool("iptables"), "neither iptables is installed nor has the kernel nftables",
            "containers do not reach the world by the host's address", "install iptables, or set masquerade: false");
        bool hasIpv6 = setting("net/ipv6/conf/all/disable_ipv6") == "0";
        AddIf(!hasIpv6, "IPv6 is off",
            "networks with --ipv6 are refused, containers have IPv4 only", "set net.ipv6.conf.all.disable_ipv6 to 0, or boot without ipv6.disable=1");
        AddIf(hasIpv6 && !hasNftables && !hasTool("ip6tables"), "neither ip6tables is installed nor has the kernel nftables",
            "containers do not reach the world by IPv6", "install iptables, or set masquerade: false");
        AddIf(setting("net/core/bpf_jit_enable") == "0", "the kernel interprets BPF",
            "every packet costs several times as much", "set net.core.bpf_jit_enable to 1");
        AddIf(setting("kernel/unprivileged_bpf_disabled") == "0", "every user may load BPF programs",
            "a user of this host may look into the kernel's memory by them", "set kernel.unprivileged_bpf_disabled to 1");
        AddIf(kernel < new Version(TcxMajor, TcxMinor), $"Linux {kernel} has no tcx links",
            "filters that other programs take off devices are missing until Weir puts them back", $"take Linux {TcxMajor}.{TcxMinor} or newer");
        foreach (LinkInfo device in devices.Where(device => device.Mtu < options.Mtu))
        {
            AddIf(true, $"{device.Name} carries {device.Mtu} bytes, containers' links {options.Mtu}",
                "what is larger is refused with ICMP, which not every peer heeds", $"set mtu: {device.Mtu}");
        }

        return limits;

        void AddIf(bool isSo, string what, string consequence, string remedy)
        {
            if (isSo)
            {
                limits.Add(new HostLimit(what, consequence, remedy));
            }
        }
    }

    /// <summary>firewalld refuses what it is told nothing about, after and whatever Weir's own rules have accepted.</summary>
    private static HostLimit[] Firewalld()
    {
        const string Running = "/run/firewalld.pid";
        const string Trusted = "/etc/firewalld/zones/trusted.xml";
        return File.Exists(Running) && !(File.Exists(Trusted) && File.ReadAllText(Trusted).Contains("\"weir+\"", StringComparison.Ordinal))
            ? [new HostLimit("firewalld runs and does not know Weir's links", "what containers send to the world is refused",
                "firewall-cmd --permanent --zone=trusted --add-interface=weir+ && firewall-cmd --reload")]
            : [];
    }

    private static string? Setting(string name) => Sysctl.Exists(name) ? Sysctl.Read(name) : null;

    internal static bool HasTool(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, name)));

    /// <summary>Up, with a global address, and none of Weir's own.</summary>
    private static List<LinkInfo> Devices()
    {
        using var links = new RtnetlinkSocket();
        HashSet<int> addressed = [.. links.ListAddresses().Where(address => address.Scope == ScopeGlobal).Select(address => address.Ifindex)];
        return [.. links.ListLinks().Where(link => link.IsUp && link.Name != "lo" && !State.LinkNames.IsHost(link.Name) && addressed.Contains(link.Index))];
    }
}
