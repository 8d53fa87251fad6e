// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Host;
using Weir.Linux.Netlink;
using Xunit;

namespace Weir.Control.Tests;

public sealed class HostLimitsTests
{
    private readonly Dictionary<string, string> _settings = new()
    {
        ["net/ipv6/conf/all/disable_ipv6"] = "0",
        ["net/core/bpf_jit_enable"] = "1",
        ["kernel/unprivileged_bpf_disabled"] = "2",
    };

    private string _missingTool = "";
    private bool _hasNftables;
    private Version _kernel = new(6, 18);
    private int _mtu = 1500;

    [Fact]
    public void AHostThatLacksNothing_HasNoLimit() => Assert.Empty(Find());

    [Theory]
    [InlineData("net/ipv6/conf/all/disable_ipv6", "1", "IPv6 is off")]
    [InlineData("net/ipv6/conf/all/disable_ipv6", null, "IPv6 is off")]
    [InlineData("net/core/bpf_jit_enable", "0", "the kernel interprets BPF")]
    [InlineData("kernel/unprivileged_bpf_disabled", "0", "every user may load BPF programs")]
    public void ASetting_ThatLimits_IsTold(string name, string? value, string what)
    {
        _settings.Remove(name);
        if (value is not null)
        {
            _settings[name] = value;
        }

        Assert.Equal([what], Find().Select(limit => limit.What));
    }

    [Fact]
    public void EveryLimit_IsOneLine_WithWhatToDo()
    {
        _missingTool = "iptables";
        _kernel = new(6, 1);
        _mtu = 1400;
        _settings.Remove("net/ipv6/conf/all/disable_ipv6");

        IReadOnlyList<HostLimit> limits = Find();

        Assert.Equal(4, limits.Count);
        Assert.Contains(limits, limit => limit.ToString() ==
            "eth0 carries 1400 bytes, containers' links 1500: what is larger is refused with ICMP, which not every peer heeds; set mtu: 1400");
        Assert.All(limits, limit => Assert.DoesNotContain('\n', limit.ToString()));
    }

    [Fact]
    public void Ip6tables_IsMissedOnlyWhereThereIsIpv6()
    {
        _missingTool = "ip6tables";
        Assert.Equal(["neither ip6tables is installed nor has the kernel nftables"], Find().Select(limit => limit.What));
        _settings.Remove("net/ipv6/conf/all/disable_ipv6");
        Assert.Equal(["IPv6 is off"], Find().Select(limit => limit.What));
    }

    [Theory]
    [InlineData("iptables")]
    [InlineData("ip6tables")]
    public void Iptables_IsNotMissed_WhereTheKernelHasNftables(string tool)
    {
        _missingTool = tool;
        _hasNftables = true;
        Assert.Empty(Find());
    }

    private IReadOnlyList<HostLimit> Find() => HostLimits.Find(
        new ControlOptions(),
        name => _settings.GetValueOrDefault(name),
        tool => tool != _missingTool,
        _hasNftables,
        _kernel,
        [new LinkInfo(2, "eth0", new byte[6], _mtu, true, null, 0)]);
}
