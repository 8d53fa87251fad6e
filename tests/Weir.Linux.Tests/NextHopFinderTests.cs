// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Linux.Tests;

public sealed class NextHopFinderTests : IDisposable
{
    private static readonly byte[] _mac = [2, 0, 0, 0, 0, 1];
    private static readonly byte[] _peerMac = [2, 0, 0, 0, 0, 2];
    private static readonly byte[] _neighbourMac = [2, 0, 0, 0, 0, 9];
    private readonly TestNamespace _namespace = new();

    public void Dispose() => _namespace.Dispose();

    [PrivilegedTheory]
    [InlineData("10.9.0.1", 24, "10.9.0.7")]
    [InlineData("fd00:9::1", 64, "fd00:9::7")]
    public void Find_KnownNeighbour_TellsDeviceSourceAndMac(string own, int length, string neighbour) => InNamespace(own, length, (links, finder, device) =>
    {
        links.AddNeighbour(IPAddress.Parse(neighbour), _neighbourMac, device);

        NextHop hop = finder.Find(IPAddress.Parse(neighbour))!;

        Assert.Equal((device, own), (hop.Ifindex, hop.Source.ToString()));
        Assert.Equal(_neighbourMac, hop.Mac);
        Assert.Equal(_mac, hop.SourceMac);
    });

    [PrivilegedFact]
    public void Find_BehindGateway_TellsTheGatewaysMac() => InNamespace("10.9.0.1", 24, (links, finder, device) =>
    {
        links.AddRoute(IpPrefix.Parse("10.50.0.0/16"), IPAddress.Parse("10.9.0.7"), device);
        links.AddNeighbour(IPAddress.Parse("10.9.0.7"), _neighbourMac, device);

        Assert.Equal(_neighbourMac, finder.Find(IPAddress.Parse("10.50.1.2"))!.Mac);
    });

    [PrivilegedFact]
    public void Find_UnknownNeighbour_HasNoMac() => InNamespace("10.9.0.1", 24, (_, finder, device) =>
    {
        NextHop hop = finder.Find(IPAddress.Parse("10.9.0.8"))!;
        Assert.Equal(device, hop.Ifindex);
        Assert.Null(hop.Mac);
    });

    [PrivilegedTheory]
    [InlineData("10.9.0.1")] // its own
    [InlineData("198.51.100.1")] // no route
    [InlineData("2001:db8::1")]
    public void Find_OwnOrUnreachable_IsNull(string address) => InNamespace("10.9.0.1", 24, (_, finder, _) =>
        Assert.Null(finder.Find(IPAddress.Parse(address))));

    private void InNamespace(string own, int length, Action<RtnetlinkSocket, NextHopFinder, int> test) => _namespace.Run(() =>
    {
        using var links = new RtnetlinkSocket();
        using var finder = new NextHopFinder();
        int device = links.CreateVeth("dev0", "dev1", _mac, _peerMac, 1500);
        links.SetUp(links.GetLink("dev1")!.Index);
        links.AddAddress(IPAddress.Parse(own), length, device);
        test(links, finder, device);
    });
}
