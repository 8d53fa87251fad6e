// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests.HostShapes;

/// <summary>Hosts as this machine's kernel may not be able to be them, on the oldest kernel that Weir supports: on each,
/// every door is as open or as shut as policy says. A boot is dear, so that each has a way to the world and cgroups of
/// its own kind at once.</summary>
public abstract class EmulatedHostTests
{
    private const string NoTcx = "Linux 6.1";
    private const string NoIpv6 = "IPv6 is off";
    private const string SmallDevice = "world0 carries 1420 bytes";

    /// <summary>Half of them; the other half runs meanwhile.</summary>
    public sealed class First : EmulatedHostTests
    {
        public static TheoryData<string> Names() => [.. _shapes[..2].Select(one => one.Shape.Name)];

        [PrivilegedTheory]
        [MemberData(nameof(Names))]
        public void EveryDoor_IsAsPolicySays_AndTheLimitsAreTold_OnAHostWith(string name) => Try(name);
    }

    /// <inheritdoc cref="First"/>
    public sealed class Second : EmulatedHostTests
    {
        public static TheoryData<string> Names() => [.. _shapes[2..].Select(one => one.Shape.Name)];

        [PrivilegedTheory]
        [MemberData(nameof(Names))]
        public void EveryDoor_IsAsPolicySays_AndTheLimitsAreTold_OnAHostWith(string name) => Try(name);
    }

    /// <summary>Each with how the limits begin that `weir check` and `weir status` tell there, in order.</summary>
    private static readonly (HostShape Shape, string[] Limits)[] _shapes =
    [
        (new("IPv6 off at boot") { Kernel = "ipv6.disable=1", HasIpv6 = false }, [NoIpv6, NoTcx]),
        (new("VLAN, cgroup v2")
        {
            Kernel = "cgroups=v2",
            Uplink = """
                ip link add trunk0 type veth peer name trunk0 netns world
                ip link set trunk0 up; ip -n world link set trunk0 up
                ip link add link trunk0 name world0 type vlan id 42
                ip -n world link add link trunk0 name up0 type vlan id 42
                """,
        }, [NoTcx]),
        (new("bond, cgroup v1")
        {
            Kernel = "cgroups=v1",
            Uplink = """
                ip link add port0 type veth peer name port0 netns world
                ip link add port1 type veth peer name port1 netns world
                ip link add world0 type bond mode active-backup miimon 100
                ip -n world link add up0 type bond mode active-backup miimon 100
                for port in port0 port1; do
                    ip link set $port master world0
                    ip -n world link set $port master up0
                done
                """,
            Meanwhile = "ip link set port0 down",
        }, [NoTcx]),
        (new("WireGuard, cgroup hybrid")
        {
            Kernel = "cgroups=hybrid",
            Uplink = """
                ip link add under0 type veth peer name under0 netns world
                ip address add 172.31.0.1/30 dev under0; ip -n world address add 172.31.0.2/30 dev under0
                ip link set under0 up; ip -n world link set under0 up
                wg genkey > /run/here.key; wg genkey > /run/there.key
                ip link add world0 type wireguard
                ip -n world link add up0 type wireguard
                wg set world0 private-key /run/here.key listen-port 51820 \
                    peer $(wg pubkey < /run/there.key) allowed-ips 0.0.0.0/0,::/0 endpoint 172.31.0.2:51820
                ip netns exec world wg set up0 private-key /run/there.key listen-port 51820 \
                    peer $(wg pubkey < /run/here.key) allowed-ips 0.0.0.0/0,::/0 endpoint 172.31.0.1:51820
                """,
        }, [NoTcx, SmallDevice]),
    ];

    private static void Try(string name)
    {
        (HostShape shape, string[] limits) = _shapes.Single(one => one.Shape.Name == name);
        using var host = new DockerHost(shape with { PublishedPorts = null });
        using var doors = new Doors(host, shape);
        host.Sandbox.Shell(shape.Meanwhile);
        string wrong = doors.Try();
        Assert.True(wrong.Length == 0, $"{wrong}{host.Weir("status").All}\n{host.Agent.Log}");

        MustTell("limit", host.Weir("check").OrFail().Output);
        string status = host.Weir("status").OrFail().Output;
        MustTell("Limit", status);
        Assert.Matches("Health +ok", status);

        void MustTell(string row, string output)
        {
            string[] told = [.. output.Split('\n').Where(line => line.StartsWith(row, StringComparison.Ordinal)).Select(line => line[row.Length..].Trim())];
            Assert.True(told.Length == limits.Length && told.Zip(limits).All(pair => pair.First.StartsWith(pair.Second, StringComparison.Ordinal)), output);
        }
    }
}
