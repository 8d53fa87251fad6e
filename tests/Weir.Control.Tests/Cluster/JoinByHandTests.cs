// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>A network of all hosts that somebody makes known to Docker by 'docker network create -o weir.network=NAME' alone: Docker
/// asked for ranges before anybody could know for which network.</summary>
public sealed class JoinByHandTests : IAsyncDisposable
{
    private static readonly IpPrefix _range = IpPrefix.Parse("10.40.0.0/16");
    private static readonly IpPrefix _range6 = IpPrefix.Parse("fd40::/64");
    private readonly MemoryKeyValues _shared = new();
    private TestNode _node = null!;

    public async ValueTask DisposeAsync()
    {
        _node.Dispose();
        await _shared.DisposeAsync();
    }

    [Fact]
    public async Task Addresses_AreOfTheNetworksRange_InThisHostsBlock_AlsoAfterARestart()
    {
        await MakeAsync(isInternal: false);
        IReadOnlyList<string> pools = _node.JoinByHand("n1", "app", families: [false, true]);
        Network network = _node.World.Networks["n1"];
        Assert.Equal(("app", _range, _range6), (network.Shared, network.Subnets[0].Pool, network.Subnets[1].Pool));
        Assert.All(network.Subnets, subnet => Assert.Contains(Blocks, block => block.Contains(subnet.Gateway)));

        IPAddress first = _node.RequestAddress(pools[0]);
        Assert.Contains(Blocks, block => block.Contains(first));
        Assert.Contains(Blocks, block => block.Contains(_node.RequestAddress(pools[1])));
        _node.ReleaseUnused();
        Assert.Equal(4, _node.Pools.Count);
        _node.Restart();
        IPAddress second = _node.RequestAddress(pools[0]);
        Assert.Contains(Blocks, block => block.Contains(second));

        _node.DeleteNetwork("n1", pools);
        Assert.Empty(_node.Pools);
    }

    [Fact]
    public async Task SecondOne_IsRefused_WithTheFirstsName_AndLeavesNothing()
    {
        await MakeAsync(isInternal: false);
        _node.JoinByHand("n1", "app", families: [false]);
        IReadOnlyList<IpPrefix> before = _node.Pools;
        ControlException e = Assert.Throws<ControlException>(() => _node.JoinByHand("n2", "app", families: [false]));
        Assert.Equal("this host has network app already, Docker calls it n1: use that, or remove it first ('docker network rm n1')", e.Message);
        Assert.Equal(before, _node.Pools);
        Assert.Single(_node.World.Networks);
    }

    [Fact]
    public async Task WhatDoesNotFitTheNetwork_IsRefused_AndLeavesNothing()
    {
        await MakeAsync(isInternal: true);
        Assert.Equal("network app is internal on all nodes: make it with --internal", Refused("app", isInternal: false, false));
        Assert.Contains("no node has a network \"other\"", Refused("other", isInternal: true, false), StringComparison.Ordinal);
        _node.JoinByHand("n1", "app", isInternal: true, families: [false]);
        Assert.True(_node.World.Networks["n1"].Internal);
    }

    [Fact]
    public async Task FamilyThatTheNetworkHasNot_IsRefused()
    {
        await MakeAsync(isInternal: false, _range);
        Assert.Equal("network app has no IPv6 range: leave --ipv6 out", Refused("app", isInternal: false, false, true));
    }

    private IEnumerable<IpPrefix> Blocks => _node.World.Cluster!.Blocks.Values.Where(block => block.Node == "host1").Select(block => block.Block);

    private string Refused(string name, bool isInternal, params bool[] families)
    {
        string message = Assert.Throws<ControlException>(() => _node.JoinByHand("n9", name, isInternal, families)).Message;
        Assert.Empty(_node.Pools);
        Assert.Empty(_node.World.Networks);
        return message;
    }

    private async Task MakeAsync(bool isInternal, params IpPrefix[] ranges)
    {
        _node = new TestNode("host1", "192.0.2.11", _shared);
        await _node.Desk.CreateNetworkAsync(new NetworkRecord("app", ranges.Length > 0 ? ranges : [_range, _range6], isInternal, Mtu: null), default);
        TestNode.Until(() => _node.Desk.Usable.Count == 1, () => "no block");
    }
}
