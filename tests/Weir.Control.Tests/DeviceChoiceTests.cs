// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Services;
using Weir.Linux.Netlink;
using Xunit;

namespace Weir.Control.Tests;

public sealed class DeviceChoiceTests
{
    private static readonly LinkInfo[] _links =
    [
        Link(1, "lo"),
        Link(2, "eth0", master: 3), // the bridge has its packets
        Link(3, "br0", "bridge"),
        Link(4, "docker0", "bridge"),
        Link(5, "veth12", "veth", master: 4),
        Link(6, "wg0", "wireguard", type: LinkType.None),
        Link(7, "weir12345678", "veth"),
        Link(8, "eth1", master: 9), // a routing domain leaves its ports their addresses
        Link(9, "blue", "vrf"),
        Link(10, "eth2"), // no address, but a route
        Link(11, "eth3"),
        Link(12, "eth4") with { IsUp = false },
        Link(13, "gre1", "gre", type: LinkType.Gre),
    ];

    private static readonly AddressInfo[] _addresses = [.. new[] { 1, 3, 4, 6, 7, 8, 12, 13 }.Select(index => new AddressInfo(index, IPAddress.Parse($"10.0.0.{index}"), 24, 0)), new(11, IPAddress.Parse("fe80::1"), 64, 253)];

    [Fact]
    public void EveryKind_WithAnAddressOrARoute_IsServed() => Assert.Equal(
        ["br0", "docker0", "wg0", "eth1", "eth2", "gre1"], Names(DeviceChoice.Of(_links, _addresses, [], link => link.Name == "eth2")));

    [Fact]
    public void Configured_AreThose_AndNoOthers() => Assert.Equal(["eth0", "eth3"], Names(DeviceChoice.Of(_links, _addresses, ["eth3", "eth0", "absent"], _ => true)));

    [Theory]
    [InlineData(LinkType.Ethernet, true)]
    [InlineData(LinkType.None, false)]
    [InlineData(LinkType.Ppp, false)]
    [InlineData(LinkType.Tunnel, false)]
    [InlineData(LinkType.Gre, null)]
    [InlineData((LinkType)4711, null)]
    public void Header_IsKnown_OrTheDeviceIsNotServed(LinkType type, bool? hasEthernet) => Assert.Equal(hasEthernet, DeviceChoice.HasEthernet(Link(2, "x", type: type)));

    private static IEnumerable<string> Names(IEnumerable<LinkInfo> links) => links.Select(link => link.Name);

    private static LinkInfo Link(int index, string name, string? kind = null, int master = 0, LinkType type = LinkType.Ethernet) =>
        new(index, name, default, 1500, IsUp: true, kind, 0, master, type);
}
