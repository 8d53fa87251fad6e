// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>Blocks that a node takes when it needs them, and returns when it does not any more.</summary>
public sealed class BlockKeeperTests : IDisposable
{
    private static readonly TimeSpan _briefly = BlockKeeper.TimeToLeave / 2;

    private readonly Writer _writer = new();
    private readonly ManualTime _time = new();
    private readonly MemoryKeyValues _shared = new();
    private readonly BlockKeeper _keeper;

    public BlockKeeperTests()
    {
        _writer.Start();
        _keeper = new BlockKeeper(_writer, _shared, "host1", _time, (_, _) => HearAsync());
    }

    public void Dispose()
    {
        _writer.Dispose();
        _shared.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Fact]
    public async Task EmptyBlock_IsReturned_AfterNoneWasGivenOfItForAWhile()
    {
        IpPrefix[] blocks = await TakeTwoAsync();
        Have(blocks[0], 2);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Equal([blocks[1]], _writer.World.LeavingBlocks);
        _time.Pass(_briefly);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Equal(2, Own().Length);

        _time.Pass(_briefly);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Equal([blocks[0]], Own());
        Assert.False(await _keeper.TakeAsync(_writer.World, default));
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Empty(_writer.World.LeavingBlocks);
        _time.Pass(BlockKeeper.TimeToLeave * 2);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Equal([blocks[0]], Own()); // the last one stays: the next container is not to wait for etcd
    }

    [Fact]
    public async Task BlockThatIsUsedAgain_OrWhoseRoomIsNeeded_Stays()
    {
        IpPrefix[] blocks = await TakeTwoAsync();
        Have(blocks[0], 2);
        await _keeper.ReturnAsync(_writer.World, default);
        Have(blocks[0], 2, blocks[1], 1); // given a moment before, an endpoint's since
        _time.Pass(BlockKeeper.TimeToLeave);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Equal(2, Own().Length);
        Assert.Empty(_writer.World.LeavingBlocks);

        Have(blocks[0], 2);
        await _keeper.ReturnAsync(_writer.World, default);
        Have(blocks[0], 230);
        _time.Pass(BlockKeeper.TimeToLeave);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Equal(2, Own().Length);
        Assert.Empty(_writer.World.LeavingBlocks);
    }

    [Fact]
    public async Task BlockOfTheGateway_Stays_AndTheOtherGoes()
    {
        IpPrefix[] blocks = await TakeTwoAsync();
        Have(blocks[0], 0);
        var network = new Network("n", 1, "app", false, 1500, [new Subnet(IpPrefix.Parse("10.40.0.0/16"), Addresses.AddressMath.Add(blocks[1].Address, 1))], Shared: "app");
        _writer.Run(() => _writer.Publish(world => world with { Networks = world.Networks.Add("n", network) }));
        await _keeper.ReturnAsync(_writer.World, default);
        _time.Pass(BlockKeeper.TimeToLeave);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.Equal([blocks[1]], Own());
    }

    [Fact]
    public async Task BlockThatAnotherHasByNow_IsLeftToIt()
    {
        IpPrefix[] blocks = await TakeTwoAsync();
        Have(blocks[0], 2);
        await _keeper.ReturnAsync(_writer.World, default);
        string key = ClusterKeys.Block("app", blocks[1]);
        await _shared.CommitAsync(new Transaction().Put(key, Encoding.UTF8.GetBytes($$"""{"Network":"app","Block":"{{blocks[1]}}","Node":"host2"}""")));
        _time.Pass(BlockKeeper.TimeToLeave);
        await _keeper.ReturnAsync(_writer.World, default);
        Assert.NotNull(await _shared.GetAsync(key));
    }

    /// <summary>As when the first of them was full.</summary>
    private async Task<IpPrefix[]> TakeTwoAsync()
    {
        await _shared.CommitAsync(new Transaction().Put(ClusterKeys.Network("app"), """{"Name":"app","Ranges":["10.40.0.0/16"],"IsInternal":false}"""u8.ToArray()));
        await HearAsync();
        Assert.True(await _keeper.TakeAsync(_writer.World, default));
        IpPrefix first = Assert.Single(Own());
        Have(first, 250);
        Assert.True(await _keeper.TakeAsync(_writer.World, default));
        return [first, Own().Single(block => block != first)];
    }

    private IpPrefix[] Own() => [.. BlockPlan.Of(_writer.World.Cluster!, "app", "host1")];

    private void Have(IpPrefix block, int count, IpPrefix? other = null, int more = 0)
    {
        IPAddress[] addresses = [.. Of(block, count), .. other is { } second ? Of(second, more) : []];
        _writer.Run(() => _writer.Publish(world => world with
        {
            Endpoints = World.Empty.Endpoints.AddRange(addresses.Select((address, i) => KeyValuePair.Create($"{i}", new Endpoint { Id = (ushort)(i + 1), ExternalId = $"{i}", NetworkId = "n", Mac = [], Created = default, Ipv4 = address }))),
        }));
    }

    private static IEnumerable<IPAddress> Of(IpPrefix block, int count) => Enumerable.Range(2, count).Select(i => Addresses.AddressMath.Add(block.Address, (uint)i));

    private async Task HearAsync()
    {
        Listing listing = await _shared.ListAsync("");
        _writer.Run(() => _writer.Publish(world => world with { Cluster = ClusterView.Of(listing, "host1") }));
    }
}
