// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Control.Cluster;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Weir.Services;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>Services of all nodes: agents on hosts in memory that share a store.</summary>
public sealed class SharedServicesTests : IAsyncDisposable
{
    private static readonly Frontend _vip = Frontend.Parse("203.0.113.10:80/tcp");
    private static readonly Frontend _other = Frontend.Parse("203.0.113.11:80/tcp");
    private readonly MemoryKeyValues _shared = new();
    private readonly List<TestNode> _nodes = [];

    public async ValueTask DisposeAsync()
    {
        _nodes.ForEach(node => node.Dispose());
        await _shared.DisposeAsync();
    }

    [Fact]
    public async Task Service_IsServedOnAllNodes_WhenWhoMadeItIsTold_ByContainersOfAll()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        Endpoint here = a.Run("app", "container:role=api");
        Endpoint there = b.Run("app", "container:role=api");
        b.Run("app", "container:role=web");

        ServiceOutcome outcome = await a.Services.UpdateAsync(Shop with { Frontends = ["203.0.113.10:80/tcp"], Selector = "role=api", TargetPort = 8080 }, default);

        Assert.Empty(outcome.Problems);
        Assert.Equal([("shop", "added", 1, 0)], outcome.Changes);
        string[] backends = [$"{here.Ipv4}:8080", $"{there.Ipv4}:8080"];
        TestNode.Until(() => _nodes.TrueForAll(node => Backends(node).SequenceEqual(backends.Order())), () => $"{string.Join(' ', Backends(a))}; {string.Join(' ', Backends(b))}");
        Assert.All(_nodes, node => Assert.All(node.World.Services["shop"].Members, member => Assert.True(member.IsChosen)));
        ServiceView view = Assert.Single(b.Services.List());
        Assert.Equal("ok", view.State);
        Assert.Equal([("host1", "host1-1"), ("host2", "host2-1")], view.Backends.Select(backend => (backend.Node, backend.Endpoint)).Order());
        TestNode late = Make("host3", "192.0.2.13");
        TestNode.Until(() => late.Host.Frontends.GetValueOrDefault(_vip) == "shop", () => "a node that comes late serves nothing");

        // What is given changes, the rest stays, and it is the same whoever changes it.
        Assert.Equal("changed", (await b.Services.UpdateAsync(Shop with { HealthCheck = "tcp" }, default)).Changes[0].Change);
        Assert.All(_nodes, node => Assert.Equal("role=api", $"{node.World.Services["shop"].Spec.Selector}"));
        Assert.All(_nodes, node => Assert.NotNull(node.World.Services["shop"].Spec.HealthCheck));
        Assert.Equal("unchanged", (await a.Services.UpdateAsync(Shop with { HealthCheck = "tcp" }, default)).Changes[0].Change);

        BackendAddress drained = BackendAddress.Parse($"{there.Ipv4}:8080");
        Assert.Empty((await a.Services.DrainAsync("shop", $"{drained}", undo: false, default)).Behind);
        Assert.All(_nodes, node => Assert.Equal(BackendState.Draining, node.World.Services["shop"].Members.Single(member => member.Address == drained).State));
        await b.Services.DrainAsync("shop", $"{drained}", undo: true, default);
        Assert.All(_nodes, node => Assert.Empty(node.World.Services["shop"].Drained));

        (IReadOnlyList<string> names, IReadOnlyList<Weir.Policy.Problem> problems) = await late.Services.DeleteAsync(["shop"], all: false, default);
        Assert.Equal(["shop"], names);
        Assert.Empty(problems);
        Assert.All(_nodes, node => Assert.Empty(node.Host.Frontends));
        Assert.Empty((await _shared.ListAsync("tables/")).Records);
        await Assert.ThrowsAsync<ControlException>(() => a.Services.DeleteAsync(["shop"], all: false, default));
    }

    [Fact]
    public async Task OfManyWriters_NobodysChangeIsLost_AndAFrontendIsGivenOnce()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => (i % 2 == 0 ? a : b).Services.UpdateAsync(
            new ServiceUpdate { Name = $"s{i}", Frontends = [$"203.0.113.{20 + i}:80/tcp"], Backends = ["10.0.0.1:80"] }, default)));
        Assert.All(_nodes, node => Assert.Equal(8, node.World.Services.Count));

        // Of two at once that want the same, one is told whose it is.
        ServiceOutcome[] both = await Task.WhenAll(
            a.Services.UpdateAsync(new ServiceUpdate { Name = "left", Frontends = [$"{_vip}"], Backends = ["10.0.0.1:80"] }, default),
            b.Services.UpdateAsync(new ServiceUpdate { Name = "right", Frontends = [$"{_vip}"], Backends = ["10.0.0.1:80"] }, default));
        ServiceOutcome refused = Assert.Single(both, outcome => outcome.HasErrors);
        string owner = both[0].HasErrors ? "right" : "left";
        Assert.Contains($"203.0.113.10:80/tcp belongs to service \"{owner}\"", refused.Problems.Single(problem => problem.IsError).Message, StringComparison.Ordinal);
        Assert.All(_nodes, node => Assert.Equal(9, node.World.Services.Count));
        Assert.All(_nodes, node => Assert.Equal(owner, node.Host.Frontends[_vip]));

        // Both change the same one, each another part of it.
        await Task.WhenAll(
            a.Services.UpdateAsync(new ServiceUpdate { Name = owner, Affinity = "90s" }, default),
            b.Services.UpdateAsync(new ServiceUpdate { Name = owner, Backends = ["10.0.0.2:80"] }, default));
        Assert.All(_nodes, node => Assert.Equal((90, "10.0.0.2:80"), (node.World.Services[owner].Spec.AffinitySeconds, $"{node.World.Services[owner].Spec.Backends.Single()}")));

        // More than fits into a transaction, all of it or none.
        string many = $"services: [{string.Join(", ", Enumerable.Range(0, 150).Select(i => $"{{name: m{i}, frontends: [\"198.51.100.{i}:80\"], backends: [\"10.0.0.1:80\"]}}"))}]";
        Assert.DoesNotContain((await b.Services.ApplyAsync([("many.yaml", many)], dryRun: false, default)).Problems, problem => problem.IsError);
        Assert.All(_nodes, node => Assert.Equal(159, node.World.Services.Count));
        Assert.Equal(159, (await a.Services.DeleteAsync([], all: true, default)).Names.Count);
        Assert.All(_nodes, node => Assert.Empty(node.World.Services));
    }

    [Fact]
    public async Task NodeThatCannotServe_IsNamed_AndServesTheOthers()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        b.Host.Room = frontend => frontend != _vip;
        const string Both = """
            services:
              - {name: shop, frontends: ["203.0.113.10:80"], backends: ["10.0.0.1:80"]}
              - {name: mail, frontends: ["203.0.113.11:80"], backends: ["10.0.0.1:80"]}
            """;
        ServiceOutcome outcome = await a.Services.ApplyAsync([("both.yaml", Both)], dryRun: false, default);
        Assert.False(outcome.HasErrors);
        Assert.StartsWith("node host2 does not serve service \"shop\" as it should: service \"shop\" does not fit", Assert.Single(outcome.Problems).Message, StringComparison.Ordinal);
        Assert.Equal(["mail"], b.Host.Frontends.Values);
        Assert.Contains("host2", Assert.Single(a.Services.List("shop").Single().Behind), StringComparison.Ordinal);
        // It changes one that it does not serve as all nodes have it.
        b.Host.Room = _ => true;
        await b.Services.UpdateAsync(Shop with { Affinity = "90s" }, default);
        b.TryAgain();
        Assert.Equal("shop", b.Host.Frontends[_vip]);
        Assert.All(_nodes, node => Assert.Equal(90, node.World.Services["shop"].Spec.AffinitySeconds));
        TestNode.Until(() => a.Services.List("shop").Single().Behind.Count == 0, () => string.Join('\n', a.Services.List("shop").Single().Behind));

        // A node that does not hear is named too.
        var gone = new AwayKeyValues(_shared);
        TestNode c = Make("host3", "192.0.2.13", gone);
        TestNode.Until(() => a.World.Cluster!.Nodes.Count == 3 && c.Host.Frontends.Count == 2, () => "not there");
        gone.IsAway = true;
        outcome = await a.Services.UpdateAsync(Shop with { Affinity = "0" }, default);
        Assert.StartsWith("node host3 has not taken the last change", Assert.Single(outcome.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhileTheStoreIsAway_NothingIsChanged_AndWhatWasHeardIsServedOverARestart()
    {
        var way = new AwayKeyValues(_shared);
        TestNode a = Make("host1", "192.0.2.11", way);
        TestNode b = Make("host2", "192.0.2.12");
        await MakeNetworkAsync(a, b);
        Endpoint there = b.Run("app", "container:role=api");
        await a.Services.UpdateAsync(Shop with { Frontends = [$"{_vip}"], Selector = "role=api", HealthCheck = "tcp" }, default);
        b.Find("shop", BackendAddress.Parse($"{there.Ipv4}:80"), healthy: true, "");
        TestNode.Until(() => a.World.Services["shop"].Members is [{ State: BackendState.Active }], () => string.Join(' ', a.World.Services["shop"].Members));

        way.IsAway = true;
        TestNode.Until(() => !a.Desk.State.IsConnected, () => "nobody noticed");
        ControlException refused = await Assert.ThrowsAsync<ControlException>(() => a.Services.UpdateAsync(Shop with { Affinity = "90s" }, default));
        Assert.EndsWith("nothing was changed", refused.Message, StringComparison.Ordinal);
        a.Restart();
        Assert.Equal("shop", a.Host.Frontends[_vip]);
        Assert.Equal((BackendState.Active, "host2"), (a.World.Services["shop"].Members.Single().State, a.World.Services["shop"].Members.Single().Node));
        await Assert.ThrowsAsync<ControlException>(() => a.Services.DeleteAsync(["shop"], all: false, default));

        await b.Services.DeleteAsync([], all: true, default);
        way.IsAway = false;
        TestNode.Until(() => a.World.Services.IsEmpty && a.Host.Frontends.Count == 0, () => "what all nodes deleted is still served");
    }

    [Fact]
    public async Task WhatANodeHadBefore_GoesAlongWithTheFirst_AndGivesWayAfterwards()
    {
        TestNode a = Make("host1", "192.0.2.11"), b = Make("host2", "192.0.2.12");
        TestNode.Until(() => a.Desk.Nodes.Count == 2 && b.Desk.Nodes.Count == 2, () => "not there");
        a.PutAlone("mine", _vip);
        b.PutAlone("yours", _other);

        await a.Services.UpdateAsync(new ServiceUpdate { Name = "first", Frontends = ["203.0.113.12:80"], Backends = ["10.0.0.1:80"] }, default);

        Assert.All(_nodes, node => Assert.Equal(["first", "mine"], node.World.Services.Keys));
        Assert.False(b.Host.Frontends.ContainsKey(_other));
    }

    [Fact]
    public async Task HealthIsWhatTheNodeSaysThatHasTheBackend_AsLongAsItIsThere()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync(TimeSpan.FromSeconds(2));
        Endpoint here = a.Run("app", "container:role=api"), there = b.Run("app", "container:role=api");
        BackendAddress near = BackendAddress.Parse($"{here.Ipv4}:80"), far = BackendAddress.Parse($"{there.Ipv4}:80");
        await a.Services.UpdateAsync(Shop with { Frontends = [$"{_vip}"], Selector = "role=api", HealthCheck = "tcp,interval=1h" }, default);
        TestNode.Until(() => Backends(a).Length == 2, () => "not there");
        a.Find("shop", near, healthy: true, "");
        a.Find("shop", far, healthy: true, ""); // not its own: nobody minds
        b.Find("shop", far, healthy: false, "no answer within 1000 ms");
        TestNode.Until(() => State(a, far) is (BackendState.Unhealthy, "no answer within 1000 ms (by node host2)") && State(b, near) is (BackendState.Active, ""), () => $"{State(a, far)} {State(b, near)}");
        b.Find("shop", far, healthy: true, "");
        TestNode.Until(() => State(a, far) is (BackendState.Active, ""), () => $"{State(a, far)}");

        // Only what changes is written.
        long before = (await _shared.ListAsync("health/")).Records.Max(record => record.ModRevision);
        a.Run("app", "container:role=web");
        b.Find("shop", far, healthy: true, "");
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.Equal(before, (await _shared.ListAsync("health/")).Records.Max(record => record.ModRevision));

        _nodes.Remove(b);
        b.Dispose();
        TestNode.Until(() => State(a, far) is (BackendState.Unhealthy, "node host2 is silent"), () => $"{State(a, far)}");
        Assert.Equal([near], a.World.Services["shop"].Members.Where(member => member.IsChosen).Select(member => member.Address));
        await a.Desk.ForgetNodeAsync("host2", default);
        TestNode.Until(() => Backends(a).SequenceEqual([$"{near}"]), () => "backends of a node that is forgotten stay");
        Assert.DoesNotContain((await _shared.ListAsync("health/")).Records, record => record.Key.StartsWith("health/host2/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Tables_HaveOneSizeOnAllNodes_OnThoseThatComeLaterToo()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        string some = string.Join(',', Enumerable.Range(1, 9).Select(i => $"10.0.0.{i}:80"));
        await a.Services.UpdateAsync(Shop with { Frontends = [$"{_vip}"], Backends = some.Split(',') }, default);
        uint grown = 2048; // 9 of 128 each
        TestNode.Until(() => _nodes.TrueForAll(node => node.World.Services.GetValueOrDefault("shop")?.Size.Ipv4 == grown), () => $"{a.World.Services["shop"].Size}");
        await b.Services.UpdateAsync(Shop with { Backends = ["10.0.0.1:80"] }, default);
        TestNode late = Make("host3", "192.0.2.13");
        TestNode.Until(() => late.World.Services.GetValueOrDefault("shop")?.Size.Ipv4 == grown, () => $"{late.World.Services.GetValueOrDefault("shop")?.Size}");
        Assert.All(_nodes, node => Assert.Equal(grown, TableSize.For(node.World.Services["shop"], isIpv6: false, 0)));
        Assert.Equal(a.Host.Services["shop"].Size, late.Host.Services["shop"].Size);
    }

    [Fact]
    public async Task RecordsThatSayNothing_StopNobody()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        await a.Services.UpdateAsync(Shop with { Frontends = [$"{_vip}"], Backends = ["10.0.0.1:80"] }, default);
        const string Loopback = """{"Spec":{"Name":"evil","Frontends":["127.0.0.1:80/tcp"],"Backends":["10.0.0.1:80"]},"Drained":[]}""";
        await _shared.CommitAsync(new Transaction().Put("services", "x"u8.ToArray()).Put("services/shop", "{"u8.ToArray()).Put("services/evil", Encoding.UTF8.GetBytes(Loopback))
            .Put("services/other", Encoding.UTF8.GetBytes(Loopback)).Put("tables/shop", """{"Ipv4":257,"Ipv6":0}"""u8.ToArray()).Put("health/host2/shop", "[]"u8.ToArray()));
        TestNode.Until(() => _nodes.TrueForAll(node => node.World.SharedServices.Problems.Count == 3), () => string.Join('\n', a.World.SharedServices.Problems));
        Assert.All(_nodes, node => Assert.Equal(["shop"], node.Host.Frontends.Values)); // as it was
        Assert.Contains("loopback", b.World.SharedServices.Problems["evil"], StringComparison.Ordinal);
        Assert.DoesNotContain((await b.Services.UpdateAsync(Shop with { Frontends = [$"{_other}"], Backends = ["10.0.0.1:80"] }, default)).Problems, problem => problem.IsError);
        Assert.All(_nodes, node => Assert.Equal([_other], node.Host.Frontends.Keys));
    }

    private static ServiceUpdate Shop => new() { Name = "shop" };

    private static string[] Backends(TestNode node) => [.. (node.World.Services.GetValueOrDefault("shop")?.Members ?? []).Select(member => $"{member.Address}").Order()];

    private static (BackendState, string) State(TestNode node, BackendAddress backend) =>
        node.World.Services["shop"].Members.Where(member => member.Address == backend).Select(member => (member.State, member.Detail)).Single();

    private TestNode Make(string name, string address, IKeyValues? way = null, TimeSpan? timeToLive = null)
    {
        var node = new TestNode(name, address, way ?? _shared, timeToLive);
        _nodes.Add(node);
        return node;
    }

    private async Task<(TestNode A, TestNode B)> MakeTwoAsync(TimeSpan? timeToLive = null)
    {
        TestNode a = Make("host1", "192.0.2.11", timeToLive: timeToLive), b = Make("host2", "192.0.2.12", timeToLive: timeToLive);
        await MakeNetworkAsync(a, b);
        return (a, b);
    }

    private static async Task MakeNetworkAsync(params TestNode[] nodes)
    {
        await nodes[0].Desk.CreateNetworkAsync(new NetworkRecord("app", [IpPrefix.Parse("10.40.0.0/16")], IsInternal: false, null), default);
        foreach (TestNode node in nodes)
        {
            node.JoinNetwork("app");
        }
    }
}
