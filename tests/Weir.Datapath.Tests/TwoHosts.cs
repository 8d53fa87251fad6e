// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;

namespace Weir.Datapath.Tests;

/// <summary>Two hosts on a wire, each with a datapath of its own and a container: "a" at 10.40.1.2 and fd40:1::2, "b" at
/// 10.40.2.2 and fd40:2::2, on one network that each host has another number for.</summary>
internal sealed class TwoHosts : IDisposable
{
    /// <summary>What a wire's packet has room for.</summary>
    internal const int WireMtu = 1500;

    /// <summary>Outer Ethernet, IPv4, UDP and VXLAN headers take 50, IPv6 20 more.</summary>
    internal static int OverlayMtu(bool outerIpv6) => WireMtu - (outerIpv6 ? 70 : 50);

    private readonly TestCgroup _cgroup = new();

    /// <param name="overlay">Through the overlay; else by routes.</param>
    /// <param name="containerMtu">Of the containers' links; by default what fits.</param>
    /// <param name="atDevice">Whether the wire's ends have the programs of the host's devices.</param>
    internal TwoHosts(bool overlay, bool outerIpv6 = false, int? containerMtu = null, bool atDevice = false)
    {
        HasDevicePrograms = atDevice;
        IsOverlay = overlay;
        IsOuterIpv6 = outerIpv6;
        int mtu = containerMtu ?? (overlay ? OverlayMtu(outerIpv6) : WireMtu);
        A = new OneHost(this, 1, mtu);
        B = new OneHost(this, 2, mtu);
        A.Place.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            links.CreateVeth("wire", "wire0", [2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2], WireMtu);
            links.MoveLink(links.GetLink("wire0")!.Index, B.Place.Descriptor, "wire");
        });
        A.Join(B);
        B.Join(A);
    }

    internal bool IsOverlay { get; }

    internal bool IsOuterIpv6 { get; }

    internal bool HasDevicePrograms { get; }

    internal OneHost A { get; }

    internal OneHost B { get; }

    internal string[] Python(TestNamespace place, string script, params string[] arguments) => _cgroup.Run(place, ["python3", "-c", script, .. arguments]);

    internal string[] Shell(TestNamespace place, string script) => _cgroup.Run(place, "sh", "-c", script);

    /// <summary>Runs a script until the end of the test.</summary>
    internal void Serve(TestNamespace place, string script) => Shell(place, $"python3 -c \"{script}\" > /dev/null 2>&1 &");

    public void Dispose()
    {
        _cgroup.Dispose();
        A.Dispose();
        B.Dispose();
    }

    internal sealed class OneHost : IDisposable
    {
        private readonly TestPins _pins = new();
        private readonly TwoHosts _both;
        private readonly byte _number;
        private readonly byte[] _mac;
        private readonly byte[] _gatewayMac;

        internal OneHost(TwoHosts both, byte number, int mtu)
        {
            _both = both;
            _number = number;
            _mac = [2, 0, 0, number, 0, 2];
            _gatewayMac = [2, 0, 0, number, 0, 1];
            Datapath = Place.Run(() => Datapath.Open(Options));
            Place.Run(() =>
            {
                using var links = new RtnetlinkSocket();
                Link = links.CreateVeth("weir1", "e0", _gatewayMac, _mac, mtu);
                links.MoveLink(links.GetLink("e0")!.Index, Container.Descriptor);
                Datapath.AttachEndpoint(new EndpointAttachment
                {
                    Id = Endpoint,
                    Identity = new Identity(Identity),
                    NetworkId = Network,
                    Ifindex = Link,
                    Ipv4 = IPAddress.Parse(Address(false)),
                    Ipv6 = IPAddress.Parse(Address(true)),
                    Gateway4 = IPAddress.Parse("10.40.0.1"),
                    Gateway6 = IPAddress.Parse("fd40::1"),
                    Mac = _mac,
                    GatewayMac = _gatewayMac,
                });
                if (both.IsOverlay)
                {
                    Overlay = links.CreateVxlan("weir_vxlan", (ushort)Abi.Overlay.Port, OverlayMtu(both.IsOuterIpv6));
                    Datapath.SetOverlay(Overlay);
                }
            });
            Datapath.SetDenyAnswer(Endpoint, DenyAnswer.Local);
            Allow(new(0, PolicyDirection.Ingress, null, 0, 0, true, 0), new(0, PolicyDirection.Egress, null, 0, 0, true, 0));
        }

        internal const ushort Endpoint = 7;

        internal TestNamespace Place { get; } = new();

        internal TestNamespace Container { get; } = new();

        internal Datapath Datapath { get; }

        /// <summary>Host's side of the container's link.</summary>
        internal int Link { get; private set; }

        internal int Overlay { get; private set; }

        /// <summary>Of the cluster.</summary>
        internal uint Identity => 70_000u + _number;

        internal uint Network => 10u + _number;

        internal DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

        /// <summary>The container's.</summary>
        internal string Address(bool v6) => v6 ? $"fd40:{_number}::2" : $"10.40.{_number}.2";

        /// <summary>Of the host's containers.</summary>
        internal string Range(bool v6) => v6 ? $"fd40:{_number}::/64" : $"10.40.{_number}.0/24";

        /// <summary>The host's.</summary>
        internal string HostAddress(bool v6) => v6 ? $"2001:db8:2::{_number}" : $"192.0.2.{_number}";

        private string Mac => $"02:00:00:0{_number}:00:02";

        /// <summary>Puts this policy in force for the container.</summary>
        internal void Allow(params PolicyMapEntry[] entries)
        {
            Datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [Endpoint] = entries });
            Datapath.BumpRevision();
        }

        /// <summary>How many packets ended so.</summary>
        internal ulong Dropped(DropReason reason) => Datapath.Metrics().Where(row => row.Reason == reason).Aggregate(0UL, (sum, row) => sum + row.Packets);

        /// <summary>Says who is behind the other host's addresses.</summary>
        internal void Know(OneHost other, uint? identity = null)
        {
            foreach (bool v6 in (bool[])[false, true])
            {
                Datapath.SetIpcache(
                [
                    new IpcacheRow(IpPrefix.Single(IPAddress.Parse(other.Address(v6))), new Identity(identity ?? other.Identity), Network, other._number),
                    new IpcacheRow(IpPrefix.Single(IPAddress.Parse(other.HostAddress(v6))), Net.Identity.RemoteNode),
                    new IpcacheRow(IpPrefix.Single(IPAddress.Parse(HostAddress(v6))), Net.Identity.Host),
                ]);
            }
        }

        internal void Join(OneHost other)
        {
            _both.Shell(
                Place,
                "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0; ip link set lo up; ip link set wire up; ip link set weir1 up; "
                + $"ip address add {HostAddress(false)}/24 dev wire; ip address add {HostAddress(true)}/64 dev wire nodad; ip route add {Address(false)} dev weir1; ip -6 route add {Address(true)} dev weir1; "
                + $"ip neighbour add {Address(false)} lladdr {Mac} dev weir1; ip neighbour add {Address(true)} lladdr {Mac} dev weir1");
            _both.Shell(
                Container,
                $"ip link set lo up; ip link set e0 up; ip address add {Address(false)}/32 dev e0; ip route add 10.40.0.1 dev e0; ip route add default via 10.40.0.1; "
                + $"ip address add {Address(true)}/128 dev e0 nodad; ip route add fd40::1 dev e0; ip route add default via fd40::1");
            _both.Shell(Place, _both.IsOverlay
                ? $"ip route add {other.Range(false)} dev weir_vxlan src {HostAddress(false)}; ip route add {other.Range(true)} dev weir_vxlan src {HostAddress(true)}"
                : $"ip route add {other.Range(false)} via {other.HostAddress(false)}; ip route add {other.Range(true)} via {other.HostAddress(true)}");
            Datapath.SetNodes([new NodeRow(0, IPAddress.Parse(HostAddress(_both.IsOuterIpv6)), false), new NodeRow(other._number, IPAddress.Parse(other.HostAddress(_both.IsOuterIpv6)), _both.IsOverlay)]);
            Know(other);
            if (_both.HasDevicePrograms)
            {
                AttachDevice("wire");
            }
        }

        /// <summary>Gives a device its programs.</summary>
        internal void AttachDevice(string name) => Place.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            Datapath.AttachDevice(name, links.GetLink(name)!.Index);
        });

        /// <summary>How many packets the host's stack forwarded.</summary>
        internal ulong Forwarded(bool v6) => ulong.Parse(
            _both.Shell(Place, v6 ? "awk '/^Ip6OutForwDatagrams/ { print $2 }' /proc/net/snmp6" : "awk '/^Ip: [0-9]/ { print $7 }' /proc/net/snmp")[0],
            System.Globalization.CultureInfo.InvariantCulture);

        public void Dispose()
        {
            Datapath.Dispose();
            Datapath.RemoveAll(_pins.Root);
            _pins.Dispose();
            Container.Dispose();
            Place.Dispose();
        }
    }
}
