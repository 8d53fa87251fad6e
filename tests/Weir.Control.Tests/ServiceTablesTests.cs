// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Services;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Services;
using Weir.Testing;
using Xunit;

namespace Weir.Control.Tests;

/// <summary>Services in the kernel's tables.</summary>
public sealed class ServiceTablesTests
{
    [PrivilegedFact]
    public void ContainersOfThisHostAndOfOthers_StandSideBySide_AsTheyCome()
    {
        using var pins = new TestPins();
        using Datapath.Datapath datapath = Datapath.Datapath.Open(new DatapathOptions { PinRoot = pins.Root, MaxFlows = 1024, EventBytes = 65536 });
        try
        {
            var tables = new ServiceTables(datapath.Services, datapath.Backends);
            var hop = new Linux.Netlink.NextHop(2, IPAddress.Parse("10.50.0.2"), [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
            Member near = Of("10.40.1.2:80", endpoint: 0, "host1", hop, IPAddress.Parse("10.50.0.1"));
            Member far = Of("10.40.2.2:80", endpoint: 7, null, null, null);
            var service = new Service(
                new ServiceSpec { Name = "shop", Frontends = [Frontend.Parse("203.0.113.10:8080/tcp")], Selector = EndpointSelector.Everything, TargetPort = 80 }, IsPublished: false) { Members = [near] };
            tables.Serve(service);
            tables.Serve(service with { Members = [near, far] });

            Dictionary<BackendAddress, int> slots = tables.SlotsOf("shop");
            Assert.Equal((128, 128), (slots[near.Address], slots[far.Address]));
            BackendRow[] rows = [.. datapath.Backends.List()];
            Assert.Equal((BackendFlag.Present | BackendFlag.Node, IPAddress.Parse("10.50.0.1")), (rows[0].Flags, rows[0].NextHop!.Value.Outer));
            Assert.Equal((BackendFlag.Present | BackendFlag.Local, null), (rows[1].Flags, rows[1].NextHop?.Outer));
            Assert.False(tables.FamiliesOf("shop").Single().FrontendIds.Count == 0);
        }
        finally
        {
            Datapath.Datapath.RemoveAll(pins.Root);
        }
    }

    private static Member Of(string address, ushort endpoint, string? node, Linux.Netlink.NextHop? hop, IPAddress? through) =>
        new(new BackendSpec(BackendAddress.Parse(address)), BackendState.Active, "", endpoint, node, hop, through, IsChosen: true);
}
