// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

public sealed class BlockPlanTests
{
    [Theory]
    [InlineData("10.40.0.0/16", 24)]
    [InlineData("10.0.0.0/8", 16)]
    [InlineData("10.40.0.0/22", 28)]
    [InlineData("fd40::/64", 80)]
    [InlineData("fd40::/100", 112)]
    public void Blocks_AreThatLong(string range, int length) => Assert.Equal(length, BlockPlan.LengthOf(IpPrefix.Parse(range)));

    [Fact]
    public void Nodes_TakeDifferentBlocks_UntilNoneIsLeft_AndTakeAnotherInTime()
    {
        var range = IpPrefix.Parse("10.40.0.0/26"); // four blocks
        ClusterView view = ClusterView.Empty;
        long revision = 0;
        HashSet<IpPrefix> blocks = [];
        for (int i = 0; i < 4; i++)
        {
            IpPrefix block = BlockPlan.Next(view, World.Empty, "app", range, $"host{i}")!;
            Assert.True(blocks.Add(block) && range.Contains(block));
            view = view.With(Put(++revision, ClusterKeys.Block("app", block), $$"""{"Network":"app","Block":"{{block}}","Node":"host{{i}}"}"""));
            Assert.Null(BlockPlan.Next(view, World.Empty, "app", range, $"host{i}"));
        }

        Assert.Null(BlockPlan.Next(view, World.Empty, "app", range, "host4"));
        IpPrefix own = BlockPlan.Of(view, "app", "host0").Single();
        Endpoint[] full = [.. Enumerable.Range(1, 10).Select(i => new Endpoint { Id = (ushort)i, ExternalId = $"{i}", NetworkId = "n", Mac = [], Created = default, Ipv4 = Addresses.AddressMath.Add(own.Address, (uint)i) })];
        World world = World.Empty with { Endpoints = World.Empty.Endpoints.AddRange(full.Select(endpoint => KeyValuePair.Create(endpoint.ExternalId, endpoint))) };
        view = view.With(new RevisionChanges(++revision, [new Change(ClusterKeys.Block("app", BlockPlan.Of(view, "app", "host3").Single()), null, null)]));
        Assert.NotNull(BlockPlan.Next(view, world, "app", range, "host0"));
    }

    [Fact]
    public void RecordsOfNewerVersions_AndBrokenOnes_DoNotHideTheOthers()
    {
        ClusterView view = ClusterView.Of(
            new Listing(7,
            [
                Record("endpoints/a/1", """{"Name":"x","Identity":"65536","Network":"app","Addresses":["10.40.0.2"],"Colour":"green"}"""),
                Record("endpoints/a/2", "{"),
                Record("nodes/a", """{"Name":"a","Address":"192.0.2.1","Instance":"i","Version":"9","Started":"2026-01-01T00:00:00Z","Endpoints":1}"""),
                Record("numbers/65536", "1"),
                Record("numbers/12", "1"),
                Record("uses/65536/a", "1"),
                Record("weather/today", "rain"),
            ]),
            "b");
        Assert.Equal(IPAddress.Parse("192.0.2.1"), Assert.Single(view.Others).Address);
        Assert.Equal("x", Assert.Single(view.Endpoints["a"]).Value.Name);
        Assert.Equal("endpoints/a/2", Assert.Single(view.Faults).Key);
        Assert.Equal([new Identity(65536)], view.Numbers);
        view = view.With(new RevisionChanges(8, [new Change("endpoints/a/2", null, null), new Change("endpoints/a/1", null, null), new Change("uses/65536/a", null, null)]));
        Assert.Equal((8, 0, 0, 0), (view.Revision, view.Endpoints.Count, view.Faults.Count, view.Uses.Count));
    }

    private static KeyValue Record(string key, string value) => new(key, Encoding.UTF8.GetBytes(value), 1, 1);

    private static RevisionChanges Put(long revision, string key, string value) => new(revision, [new Change(key, Record(key, value), null)]);
}
