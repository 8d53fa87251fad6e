// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests.HostShapes;

/// <summary>Hosts as this machine's kernel may not be able to be them, on the oldest kernel that Weir supports: on each,
/// every door is as open or as shut as policy says. A boot and containers are dear there: each machine becomes one shape
/// after the other, while its containers run on. One machine at a time: two leave no processor to anybody else.</summary>
public abstract class EmulatedHostTests
{
    /// <summary>The collection of those that run one after the other.</summary>
    public const string Name = "emulated hosts";

    private const string NoTcx = "Linux 6.1";
    private const string NoIpv6 = "IPv6 is off";
    private const string SmallDevice = "world0 carries 1420 bytes";

    /// <summary>Booted without IPv6, with cgroups of version 1 alone, and then of both.</summary>
    [Collection(Name)]
    public sealed class WithoutIpv6 : EmulatedHostTests
    {
        [PrivilegedFact]
        public void EveryDoor_IsAsPolicySays_AndTheLimitsAreTold_WhateverTheCgroups()
        {
            using var machine = new Emulated(new("IPv6 off at boot") { Kernel = "ipv6.disable=1 cgroups=v1", HasIpv6 = false });
            machine.Try("cgroup v1", NoIpv6, NoTcx);
            machine.BecomeHybrid();
            machine.Try("cgroup hybrid", NoIpv6, NoTcx);
        }
    }

    /// <summary>With IPv6 and cgroups of version 2, by one way to the world after the other.</summary>
    [Collection(Name)]
    public sealed class WithIpv6 : EmulatedHostTests
    {
        [PrivilegedFact]
        public void EveryDoor_IsAsPolicySays_AndTheLimitsAreTold_ByEachUplink()
        {
            using var machine = new Emulated(new("IPv6, cgroup v2") { Kernel = "cgroups=v2", Uplink = Vlan });
            machine.Try("VLAN", NoTcx);
            machine.Join(Bond);
            machine.Shell("ip link set port0 down");
            machine.Try("bond that lost a port", NoTcx);
            // The last: what it carries less than others, others do not forget at once.
            machine.Join(WireGuard);
            machine.Try("WireGuard", NoTcx, SmallDevice);
        }
    }

    private const string Vlan = """
        ip link add trunk0 type veth peer name trunk0 netns world
        ip link set trunk0 up; ip -n world link set trunk0 up
        ip link add link trunk0 name world0 type vlan id 42
        ip -n world link add link trunk0 name up0 type vlan id 42
        """;

    private const string Bond = """
        ip link add port0 type veth peer name port0 netns world
        ip link add port1 type veth peer name port1 netns world
        ip link add world0 type bond mode active-backup miimon 100
        ip -n world link add up0 type bond mode active-backup miimon 100
        for port in port0 port1; do
            ip link set $port master world0
            ip -n world link set $port master up0
        done
        """;

    private const string WireGuard = """
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
        """;

    /// <summary>A machine with its containers.</summary>
    private sealed class Emulated : IDisposable
    {
        private readonly DockerHost _host;
        private readonly Doors _doors;

        internal Emulated(HostShape shape)
        {
            _host = new DockerHost(shape with { PublishedPorts = null });
            try
            {
                _doors = new Doors(_host, shape);
            }
            catch
            {
                _host.Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            _doors.Dispose();
            _host.Dispose();
        }

        internal void Shell(string script) => _host.Sandbox.Shell(script);

        /// <summary>Takes the device to the world away and makes another.</summary>
        internal void Join(string uplink)
        {
            Shell("for link in world0 trunk0 port0 port1; do ip link delete $link 2> /dev/null || true; done; ip -n world link delete up0 2> /dev/null || true");
            _host.JoinWorld(uplink);
            _doors.RouteWorld();
        }

        /// <summary>As systemd has it: its own hierarchy is of version 2, and the controllers are of version 1. The agent
        /// and a container come anew.</summary>
        internal void BecomeHybrid()
        {
            _host.Agent.Stop();
            Shell("""
                at=/sys/fs/cgroup/unified
                mkdir $at; mount -t cgroup2 cgroup2 $at; mkdir $at/init
                for process in $(cat $at/cgroup.procs); do echo $process > $at/init/cgroup.procs || true; done 2> /dev/null
                """);
            _host.Agent.Start();
            _doors.RestartClient();
        }

        /// <param name="stage">How the machine is now.</param>
        /// <param name="limits">How the limits begin that `weir check` and `weir status` tell, in order.</param>
        internal void Try(string stage, params string[] limits)
        {
            string wrong = _doors.Try();
            Assert.True(wrong.Length == 0, $"{stage}: {wrong}{_host.Weir("status").All}\n{_host.Agent.Log}");

            MustTell("limit", _host.Weir("check").OrFail().Output);
            string status = _host.Weir("status").OrFail().Output;
            MustTell("Limit", status);
            Assert.Matches("Health +ok", status);

            void MustTell(string row, string output)
            {
                string[] told = [.. output.Split('\n').Where(line => line.StartsWith(row, StringComparison.Ordinal)).Select(line => line[row.Length..].Trim())];
                Assert.True(told.Length == limits.Length && told.Zip(limits).All(pair => pair.First.StartsWith(pair.Second, StringComparison.Ordinal)), $"{stage}: {output}");
            }
        }
    }
}
