// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Cluster;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>What a node finds out about the ways to others.</summary>
public sealed class NodeProberTests : IDisposable
{
    private static readonly TimeSpan _every = TimeSpan.FromMilliseconds(20);

    private readonly MemoryEcho _echo = new();
    private readonly NodeProber _prober;
    private volatile NodeView[] _nodes = [Node("host1", "10.0.0.1") with { IsSelf = true }, Node("host2", "10.0.0.2"), Node("host3", "10.0.0.3")];

    public NodeProberTests()
    {
        _prober = new NodeProber(() => _nodes, _echo, TimeProvider.System, _every);
        _prober.Start();
    }

    public void Dispose() => _prober.Dispose();

    [Fact]
    public void NodeThatAnswers_IsReady_AndOneThatStops_IsUnreachableSinceThen_UntilItAnswersAgain()
    {
        Until(() => Reach("host2").State == NodeState.Ready && Reach("host3").State == NodeState.Ready);
        Assert.Equal(TimeSpan.FromMilliseconds(2), Reach("host2").RoundTrip);
        Assert.False(_echo.Asked.ContainsKey("host1"));

        DateTimeOffset before = DateTimeOffset.UtcNow;
        _echo.Cut["host2"] = true;
        Until(() => Reach("host2").State == NodeState.Unreachable);
        Assert.InRange(Reach("host2").Since!.Value, before, DateTimeOffset.UtcNow);
        Assert.Equal("no route to host", Reach("host2").Problem);
        Assert.Null(Reach("host2").RoundTrip);
        Assert.Equal(NodeState.Ready, Reach("host3").State);

        _echo.Cut.Clear();
        Until(() => Reach("host2").State == NodeState.Ready);
    }

    [Fact]
    public void AnswersThatAreLostNowAndThen_AreNoOutage()
    {
        Until(() => Reach("host2").State == NodeState.Ready);
        for (int i = 0; i < 5; i++)
        {
            int asked = _echo.Asked["host2"];
            _echo.Lose["host2"] = 2;
            Until(() => _echo.Asked["host2"] > asked + 3);
            Assert.Equal(NodeState.Ready, Reach("host2").State);
        }
    }

    /// <summary>Another address, another way, another host under the name: what was measured is of none of them.</summary>
    [Fact]
    public void NodeWithAnotherAddress_IsMeasuredAnew()
    {
        Until(() => Reach("host2").State == NodeState.Ready);
        Assert.Equal(NodeState.Alive, _prober.ReachOf(Node("host2", "10.0.0.77")).State);
        Assert.Equal(NodeState.Alive, _prober.ReachOf(Node("host2", "10.0.0.2") with { IsOverlay = true }).State);
        Assert.Equal(NodeState.Alive, _prober.ReachOf(Node("host2", "10.0.0.2") with { Instance = "another" }).State);
        _nodes = [.. _nodes.Select(node => node.Name == "host2" ? node with { IsOverlay = true } : node)];
        Until(() => Reach("host2").RoundTrip == TimeSpan.FromMilliseconds(3));
    }

    [Fact]
    public void NodeThatIsForgotten_IsAskedNoMore_AndMeasuredAnewWhenItIsBack()
    {
        Until(() => Reach("host3").State == NodeState.Ready);
        NodeView[] all = _nodes;
        _nodes = all[..2];
        Until(() => _prober.ReachOf(all[2]).State == NodeState.Alive);
        int asked = _echo.Asked["host3"];
        int others = _echo.Asked["host2"];
        Until(() => _echo.Asked["host2"] > others + 2);
        Assert.Equal(asked, _echo.Asked["host3"]);

        _nodes = all;
        Until(() => Reach("host3").State == NodeState.Ready);
    }

    [Fact]
    public void ManyNodes_AreAskedNoOftenerInAll()
    {
        _nodes = [.. Enumerable.Range(0, 200).Select(i => Node($"node{i}", $"10.0.1.{i}"))];
        Until(() => _echo.Asked.Keys.Any(name => name.StartsWith("node", StringComparison.Ordinal)));
        int before = _echo.Asked.Values.Sum();
        Thread.Sleep(1000);
        Assert.InRange(_echo.Asked.Values.Sum() - before, 5, 40);
    }

    private NodeReach Reach(string name) => _prober.ReachOf(_nodes.Single(node => node.Name == name));

    private static NodeView Node(string name, string address) => new(name, IPAddress.Parse(address), false, "1", DateTimeOffset.UnixEpoch, 0, 0, null, false, null) { Door = new PeerDoor(4245, "ab") };

    private static void Until(Func<bool> isSo) => Assert.True(SpinWait.SpinUntil(isSo, TestNode.Patience));
}
