// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Cluster;
using Weir.Control.Host;
using Weir.Control.State;
using Weir.Net;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>A host that moves: its agent starts with another address.</summary>
public sealed class NodeAddressTests : IAsyncDisposable
{
    private readonly MemoryKeyValues _shared = new();
    private readonly List<TestNode> _nodes = [];

    public async ValueTask DisposeAsync()
    {
        _nodes.ForEach(node => node.Dispose());
        await _shared.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NodeWithAnotherAddress_IsFollowedByTheOthers_AndItsContainersStayKnown(bool isOnLink)
    {
        TestNode a = new("host1", "192.0.2.11", _shared, isOnLink: isOnLink);
        _nodes.Add(a);
        TestNode b = new("host2", "192.0.2.12", _shared, isOnLink: isOnLink);
        _nodes.Add(b);
        TestNode.Until(() => a.Desk.Nodes.Count == 2 && b.Desk.Nodes.Count == 2, () => "they do not meet");
        await a.Desk.CreateNetworkAsync("app", ["10.40.0.0/16"], isInternal: false, null, default);
        a.JoinNetwork("app");
        b.JoinNetwork("app");
        IPAddress web = b.Run("app", "container:role=web").Ipv4!;
        TestNode.Until(() => a.Host.Ipcache.ContainsKey(IpPrefix.Single(web)), () => "the container is not known");
        TestNode.Until(() => View(a).Reach.State == NodeState.Ready, () => $"{View(a)}");
        Assert.Equal(isOnLink ? 2 : 3, View(a).Reach.RoundTrip!.Value.TotalMilliseconds);

        b.Restart(options => options with { Address = IPAddress.Parse("192.0.2.99"), Door = new PeerDoor(4245, "other") });

        IPAddress moved = IPAddress.Parse("192.0.2.99");
        TestNode.Until(() => a.Host.Nodes.Values.Any(node => node.Address.Equals(moved) && node.IsOverlay == !isOnLink), () => string.Join(", ", a.Host.Nodes.Values));
        TestNode.Until(() => a.Host.Ipcache.GetValueOrDefault(IpPrefix.Single(moved))?.Identity == Identity.RemoteNode, () => "its address is not a node's");
        TestNode.Until(() => !a.Host.Ipcache.ContainsKey(IpPrefix.Parse("192.0.2.12/32")), () => "its address of before is a node's still");
        ushort number = a.Host.Nodes.Values.Single(node => node.Address.Equals(moved)).Id;
        TestNode.Until(() => a.Host.Ipcache.GetValueOrDefault(IpPrefix.Single(web))?.Node == number, () => $"{a.Host.Ipcache.GetValueOrDefault(IpPrefix.Single(web))}");
        Assert.DoesNotContain(a.Host.Nodes.Values, node => node.Address.Equals(IPAddress.Parse("192.0.2.12")));
        TestNode.Until(
            () => a.Host.Needs.OfType<HostNeed.NodeRoute>().All(route => route.Node.Equals(moved)) && a.Host.Needs.OfType<HostNeed.NodeRoute>().Any() == isOnLink,
            () => string.Join(", ", a.Host.Needs));
        TestNode.Until(() => View(a) is { Reach.State: NodeState.Ready, Door.Certificate: "other" }, () => $"{View(a)}");
        Assert.Equal(NodeState.Ready, a.Desk.Nodes.Single(node => node.IsSelf).Reach.State);
    }

    private static NodeView View(TestNode seenBy) => seenBy.Desk.Nodes.Single(node => node.Name == "host2");
}
