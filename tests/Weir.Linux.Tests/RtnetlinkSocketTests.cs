// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Linux.Tests;

public sealed class RtnetlinkSocketTests : IDisposable
{
    private static readonly byte[] _mac = [2, 0, 0, 0, 0, 1];
    private static readonly byte[] _peerMac = [2, 0, 0, 0, 0, 2];
    private readonly TestNamespace _namespace = new();

    public void Dispose() => _namespace.Dispose();

    [PrivilegedFact]
    public void CreateVeth_NewNames_HostSideIsUpPeerIsDown() => InNamespace(links =>
    {
        int index = links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1400);

        LinkInfo host = links.GetLink("weir00000001")!;
        LinkInfo peer = links.GetLink("wc00000001")!;
        Assert.Equal(index, host.Index);
        Assert.True(host.IsUp);
        Assert.False(peer.IsUp);
        Assert.Equal(_mac, host.Mac.ToArray());
        Assert.Equal(_peerMac, peer.Mac.ToArray());
        Assert.Equal((1400, 1400), (host.Mtu, peer.Mtu));
        Assert.Equal("veth", host.Kind);
        Assert.Equal(peer.Index, host.PeerIndex);
    });

    [PrivilegedFact]
    public void CreateVeth_NameTaken_NamesTheLinkAndTheReason() => InNamespace(links =>
    {
        links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);

        LinuxException e = Assert.Throws<LinuxException>(() => links.CreateVeth("weir00000001", "wc00000002", _mac, _peerMac, 1500));

        Assert.Equal(Errno.Exists, e.Number);
        Assert.Contains("create veth weir00000001", e.Message, StringComparison.Ordinal);
    });

    [PrivilegedFact]
    public void CreateVxlan_IsUp_AndTakesItsWayFromItsPackets() => InNamespace(links =>
    {
        int index = links.CreateVxlan("weir_vxlan", 8472, 1450);

        LinkInfo link = links.GetLink("weir_vxlan")!;
        Assert.Equal((index, true, 1450, "vxlan"), (link.Index, link.IsUp, link.Mtu, link.Kind));
        using var cgroup = new TestCgroup();
        string[] shown = cgroup.Run(_namespace, "ip", "-details", "link", "show", "weir_vxlan");
        Assert.All((string[])["NOARP", "external", "dstport 8472", "nolearning", " udp6zerocsumrx"], word => Assert.Contains(shown, line => line.Contains(word, StringComparison.Ordinal)));
        LinuxException e = Assert.Throws<LinuxException>(() => links.CreateVxlan("weir_vxlan", 8472, 1450));
        Assert.Equal(Errno.Exists, e.Number);
        Assert.Contains("create VXLAN device weir_vxlan with port 8472", e.Message, StringComparison.Ordinal);
    });

    [PrivilegedFact]
    public void DeleteLink_Twice_SecondDoesNothing() => InNamespace(links =>
    {
        links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);

        links.DeleteLink("weir00000001");
        links.DeleteLink("weir00000001");

        Assert.Null(links.GetLink("wc00000001"));
        Assert.Equal(["lo"], links.ListLinks().Select(l => l.Name));
    });

    [PrivilegedFact]
    public void MoveLink_OtherNamespace_IsThereUnderItsNewName()
    {
        using var other = new TestNamespace();
        InNamespace(links =>
        {
            links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);
            links.MoveLink(links.GetLink("wc00000001")!.Index, other.Descriptor, "eth0");
            Assert.Null(links.GetLink("wc00000001"));
        });

        other.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            Assert.NotNull(links.GetLink("eth0"));
        });
    }

    [PrivilegedFact]
    public void Unreachable_BesideAnothersRoute_ComesAndGoesAlone() => InNamespace(links =>
    {
        int index = links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);
        foreach (IpPrefix prefix in new[] { IpPrefix.Parse("10.9.0.0/24"), IpPrefix.Parse("fd00:9::/64") })
        {
            links.AddRoute(prefix, index);
            links.AddUnreachable(prefix, 77);
            links.AddUnreachable(prefix, 77);
            Assert.Equal(index, HostRoutes.List().Single(route => route.Destination == prefix).Ifindex);
            links.DeleteUnreachable(prefix, 77);
            links.DeleteUnreachable(prefix, 77);
            Assert.Equal(index, HostRoutes.List().Single(route => route.Destination == prefix).Ifindex);
        }
    });

    [PrivilegedFact]
    public void Routes_BothFamilies_AddTwiceDeleteTwice() => InNamespace(links =>
    {
        int index = links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);
        foreach (string text in (string[])["10.210.0.5/32", "fd77::5/128"])
        {
            IpPrefix prefix = IpPrefix.Parse(text);
            links.AddRoute(prefix, index);
            links.AddRoute(prefix, index);
            Assert.Contains(prefix.Address.ToString(), Routes(prefix.Address), StringComparison.Ordinal);
            links.DeleteRoute(prefix, index);
            links.DeleteRoute(prefix, index);
            Assert.DoesNotContain("weir00000001", Routes(prefix.Address), StringComparison.Ordinal);
        }
    });

    [PrivilegedFact]
    public void AddRoute_NoSuchInterface_SaysWhich() => InNamespace(links =>
    {
        LinuxException e = Assert.Throws<LinuxException>(() => links.AddRoute(IpPrefix.Parse("10.0.0.1/32"), 4711));

        Assert.Contains("10.0.0.1/32", e.Message, StringComparison.Ordinal);
        Assert.Contains("4711", e.Message, StringComparison.Ordinal);
    });

    [PrivilegedFact]
    public void ListAddresses_AfterAdding_HasThem() => InNamespace(links =>
    {
        int index = links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);

        links.AddAddress(IPAddress.Parse("192.0.2.7"), 24, index);
        links.AddAddress(IPAddress.Parse("2001:db8::7"), 64, index);

        IReadOnlyList<AddressInfo> addresses = links.ListAddresses();
        Assert.Contains(new AddressInfo(index, IPAddress.Parse("192.0.2.7"), 24, 0), addresses);
        Assert.Contains(new AddressInfo(index, IPAddress.Parse("2001:db8::7"), 64, 0), addresses);
    });

    [PrivilegedFact]
    public void AddNeighbour_Twice_ReplacesIt() => InNamespace(links =>
    {
        int index = links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);

        links.AddNeighbour(IPAddress.Parse("192.0.2.1"), _peerMac, index);
        links.AddNeighbour(IPAddress.Parse("192.0.2.1"), _mac, index);

        string line = File.ReadAllLines("/proc/thread-self/net/arp").Single(l => l.StartsWith("192.0.2.1 ", StringComparison.Ordinal));
        Assert.Contains("02:00:00:00:00:01", line, StringComparison.Ordinal);
    });

    [PrivilegedFact]
    public void AddClsact_TwiceThenRemovedTwice_IsIdempotent() => InNamespace(links =>
    {
        int index = links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);

        links.AddClsact(index);
        links.AddClsact(index);
        links.DeleteClsact(index);
        links.DeleteClsact(index);
    });

    [PrivilegedFact]
    public void Monitor_LinkCreated_WakesOnce()
    {
        InNamespace(links =>
        {
            using var monitor = new RtnetlinkMonitor();
            Assert.False(monitor.Wait(TimeSpan.Zero));
            links.CreateVeth("weir00000001", "wc00000001", _mac, _peerMac, 1500);
            Assert.True(monitor.Wait(TimeSpan.FromSeconds(20)));
            Assert.False(monitor.Wait(TimeSpan.Zero));
        });
    }

    private static string Routes(IPAddress address) => address.GetAddressBytes().Length == 4
        ? string.Join('\n', File.ReadAllLines("/proc/thread-self/net/fib_trie").Concat(File.ReadAllLines("/proc/thread-self/net/route")))
        : string.Join('\n', File.ReadAllLines("/proc/thread-self/net/ipv6_route").Where(l => l.StartsWith("fd770000", StringComparison.Ordinal)))
            .Replace("fd770000000000000000000000000005", address.ToString(), StringComparison.Ordinal);

    private void InNamespace(Action<RtnetlinkSocket> test) => _namespace.Run(() =>
    {
        using var links = new RtnetlinkSocket();
        test(links);
    });
}
