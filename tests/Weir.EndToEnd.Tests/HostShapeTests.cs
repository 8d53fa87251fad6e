// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Hosts as people set them up: on each, every door is as open or as shut as policy says.</summary>
public sealed class HostShapeTests
{
    private static readonly HostShape[] _shapes =
    [
        HostShape.Plain,
        new("rp_filter 1") { Prepare = "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1" },
        new("rp_filter 2") { Prepare = "sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2" },
        new("src_valid_mark") { Prepare = "sysctl -qw net.ipv4.conf.all.src_valid_mark=1 net.ipv4.conf.all.rp_filter=2" },
        new("IPv6 off") { Prepare = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1", HasIpv6 = false },
        new("forwarding off") { Prepare = "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0" },
        new("INPUT and FORWARD drop") { Prepare = Firewall },
        new("iptables flushed") { Prepare = Firewall, Meanwhile = $"for t in iptables ip6tables; do $t -F; $t -t nat -F; $t -t mangle -F; done; {Firewall}" },
        new("nft flush ruleset") { Meanwhile = "nft flush ruleset" },
        new("ufw") { Prepare = $"{PrivateUfw}; ufw --force enable > /dev/null", Meanwhile = "ufw reload > /dev/null" },
        new("firewalld") { Prepare = Firewalld, Meanwhile = Firewalld },
        new("Docker leaves iptables alone") { DockerFlags = "--iptables=false" },
        new("no iptables") { First = NoIptables, DockerFlags = "--iptables=false" },
        new("no iptables, nft flush ruleset") { First = NoIptables, DockerFlags = "--iptables=false", Meanwhile = "nft flush ruleset" },
        new("marks of a VPN") { Prepare = "for t in iptables ip6tables; do for c in PREROUTING OUTPUT; do $t -t mangle -A $c -m mark --mark 0 -j MARK --set-mark 51820; done; done" },
    ];

    public static TheoryData<string> Names() => [.. _shapes.Select(shape => shape.Name)];

    [PrivilegedTheory]
    [MemberData(nameof(Names))]
    public void EveryDoor_IsAsPolicySays_OnAHostWith(string name)
    {
        HostShape shape = _shapes.Single(shape => shape.Name == name);
        using var host = new DockerHost(shape with { PublishedPorts = null });
        using var doors = new Doors(host, shape);
        host.Sandbox.Shell(shape.Meanwhile);
        string wrong = doors.Try();
        Assert.True(wrong.Length == 0, $"{wrong}{host.Weir("status").All}\n{host.Agent.Log}");
    }

    private const string Firewall = """
        for t in iptables ip6tables; do
            $t -A INPUT -i lo -j ACCEPT
            $t -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
            $t -P INPUT DROP
            $t -P FORWARD DROP
        done
        ip6tables -A INPUT -p icmpv6 -j ACCEPT
        """;

    /// <summary>As if it had never been installed; its files are the machine's.</summary>
    private const string NoIptables = """
        mkdir -p /run/sbin/upper /run/sbin/work
        mount -t overlay -o lowerdir=/usr/sbin,upperdir=/run/sbin/upper,workdir=/run/sbin/work overlay /usr/sbin
        rm /usr/sbin/*tables*
        ! command -v iptables && ! command -v ip6tables
        """;

    /// <summary>ufw keeps its rules under /etc, which a sandbox shares with the machine.</summary>
    private const string PrivateUfw = """
        cp -a /etc/ufw /run/ufw-etc; cp /etc/default/ufw /run/ufw-default
        mount --bind /run/ufw-etc /etc/ufw; mount --bind /run/ufw-default /etc/default/ufw
        """;

    /// <summary>What firewalld puts into the host at a start and at each reload, as far as it concerns packets, when
    /// Weir's links are in its zone "trusted" as `weir check` advises.</summary>
    private const string Firewalld = """
        nft -f - << 'END'
        table inet firewalld
        delete table inet firewalld
        table inet firewalld {
            chain mangle_PREROUTING {
                type filter hook prerouting priority mangle + 10;
                icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
                meta nfproto ipv6 fib saddr . mark . iif oif missing drop
            }
            chain filter_INPUT {
                type filter hook input priority filter + 10;
                ct state { established, related } accept
                ct status dnat accept
                iifname "lo" accept
                ct state invalid drop
                icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
                tcp dport 22 accept
                reject with icmpx type admin-prohibited
            }
            chain filter_FORWARD {
                type filter hook forward priority filter + 10;
                ct state { established, related } accept
                ct status dnat accept
                iifname { "lo", "weir*" } accept
                ct state invalid drop
                reject with icmpx type admin-prohibited
            }
        }
        END
        """;
}
