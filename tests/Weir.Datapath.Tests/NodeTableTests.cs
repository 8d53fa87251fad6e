// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>The other hosts, and whose endpoints addresses are.</summary>
public sealed class NodeTableTests : IDisposable
{
    private static readonly NodeRow _direct = new(1, IPAddress.Parse("192.0.2.11"), IsOverlay: false);
    private static readonly NodeRow _overlay = new(4095, IPAddress.Parse("2001:db8::12"), IsOverlay: true);
    private readonly TestPins _pins = new();

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    public void Dispose() => _pins.Dispose();

    [PrivilegedFact]
    public void Nodes_AreReplacedWhole_AndOutliveTheAgent()
    {
        using (Datapath first = Datapath.Open(Options))
        {
            Assert.Empty(first.ListNodes());
            first.SetNodes([_direct, new NodeRow(2, IPAddress.Parse("192.0.2.12"), IsOverlay: true)]);
            first.SetNodes([_overlay, _direct]);
        }

        using Datapath second = Datapath.Open(Options);
        Assert.Equal([_direct, _overlay], second.ListNodes());
        second.SetNodes([_direct with { Address = IPAddress.Parse("192.0.2.13"), IsOverlay = true }]);
        Assert.Equal([new NodeRow(1, IPAddress.Parse("192.0.2.13"), IsOverlay: true)], second.ListNodes());
    }

    [PrivilegedFact]
    public void NumbersThatCannotBe_AreRefused_AndChangeNothing()
    {
        using Datapath datapath = Datapath.Open(Options);
        datapath.SetNodes([_direct]);

        Assert.Equal(
            "node 2001:db8::12 has the number 4096: 1 to 4095 can be had",
            Assert.Throws<DatapathException>(() => datapath.SetNodes([_overlay with { Id = 4096 }])).Message);
        Assert.Equal(
            "nodes 1 and 4095 have the same address, 192.0.2.11",
            Assert.Throws<DatapathException>(() => datapath.SetNodes([_direct, _overlay with { Address = _direct.Address }])).Message);
        Assert.Equal(
            "nodes 2001:db8::12 and 192.0.2.11 have the same number, 1",
            Assert.Throws<DatapathException>(() => datapath.SetNodes([_overlay with { Id = 1 }, _direct])).Message);
        Assert.Equal([_direct], datapath.ListNodes());
    }

    [PrivilegedFact]
    public void Ipcache_KeepsWhoseEndpointAnAddressIs()
    {
        using Datapath datapath = Datapath.Open(Options);
        IpcacheRow[] rows =
        [
            new(IpPrefix.Parse("10.40.2.5/32"), new Identity(0x00abcdef), NetworkId: 3, Node: 4095),
            new(IpPrefix.Parse("fd00:40::5/128"), new Identity(65_536), NetworkId: 0, Node: 1),
            new(IpPrefix.Parse("192.0.2.11/32"), Identity.RemoteNode),
        ];
        datapath.SetIpcache(rows);
        Assert.Equal(rows.ToHashSet(), datapath.ListIpcache().ToHashSet());

        datapath.SetIpcache([new IpcacheRow(rows[0].Prefix, new Identity(300))]);
        Assert.Contains(new IpcacheRow(rows[0].Prefix, new Identity(300)), datapath.ListIpcache());
    }
}
