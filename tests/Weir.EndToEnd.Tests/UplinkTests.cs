// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>The ways a host is joined to the world: by each, every door is as open or as shut as policy says.</summary>
public sealed class UplinkTests
{
    /// <summary>The world two hops away: its packets may be larger than the link between.</summary>
    private const string LargeClients = "ip -n world route replace 198.51.100.0/24 dev up0 scope link src 198.51.100.2 advmss 1460; ip -n world -6 route replace 2001:db8:100::/64 dev up0 metric 256 advmss 1440";

    /// <summary>Programs of somebody else that let everything pass.</summary>
    private const string Pass = """
        printf '__attribute__((section("xdp"))) int pass_xdp(void *c) { return 2; } __attribute__((section("tc"))) int pass_tc(void *c) { return 0; }' > /run/pass.c
        $(find_clang) -target bpf -O2 -g -c /run/pass.c -o /run/pass.o
        """;

    private static readonly HostShape[] _shapes =
    [
        new("bridge")
        {
            Uplink = """
                ip link add port0 type veth peer name up0 netns world
                ip link add world0 type bridge forward_delay 0 mcast_snooping 0
                ip link set port0 master world0 up
                """,
        },
        new("TUN")
        {
            Uplink = $"""
                ip tuntap add mode tun name world0
                ip -n world tuntap add mode tun name up0
                setsid python3 {Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/doors.py")} tunnel world0 world up0 > /dev/null 2>&1 < /dev/null &
                sleep 0.5
                """,
        },
        new("MTU 1280") { Prepare = $"ip link set world0 mtu 1280; ip -n world link set up0 mtu 1280; {LargeClients}" },
        new("MTU 1400") { Prepare = $"ip link set world0 mtu 1400; ip -n world link set up0 mtu 1400; {LargeClients}" },
        new("MTU 9000") { Prepare = "ip link set world0 mtu 9000; ip -n world link set up0 mtu 9000" },
        new("two uplinks")
        {
            Prepare = """
                ip link add world1 type veth peer name up1 netns world
                ip address add 198.18.0.1/24 dev world1
                ip link set world1 up
                ip -n world address add 198.18.0.2/24 dev up1
                ip -n world link set up1 up
                ip route replace default via 198.18.0.2
                """,
            SecondAddress = "198.18.0.1",
        },
        new("BIG TCP")
        {
            Prepare = "ip link set world0 gso_max_size 185000 gro_max_size 185000; ip -n world link set up0 gso_max_size 185000 gro_max_size 185000",
            Meanwhile = "for l in $(ls /sys/class/net | grep ^weir); do ip link set $l gso_max_size 185000 gro_max_size 185000; done",
        },
        new("ingress qdisc with a filter") { Prepare = $"{Pass}; tc qdisc add dev world0 ingress; tc filter add dev world0 ingress bpf direct-action obj /run/pass.o sec tc" },
        new("foreign XDP program") { Prepare = $"{Pass}; ip link set dev world0 xdp obj /run/pass.o sec xdp" },
    ];

    public static TheoryData<string> Names() => [.. _shapes.Select(shape => shape.Name)];

    [PrivilegedTheory]
    [MemberData(nameof(Names))]
    public void EveryDoor_IsAsPolicySays_OnAHostWithUplink(string name)
    {
        HostShape shape = _shapes.Single(shape => shape.Name == name);
        using var host = new DockerHost(shape with { PublishedPorts = null });
        using var doors = new Doors(host, shape);
        host.Sandbox.Shell(shape.Meanwhile);
        string wrong = doors.Try();
        Assert.True(wrong.Length == 0, $"{wrong}{host.Weir("status").All}\n{host.Agent.Log}");
    }
}
