// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;
using Weir.Store.Etcd;
using Weir.Store.Etcd.Tests.Running;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>What agents do when a real etcd, or the way to it, breaks. Each has a way of its own. Throughout, what a node knows of a
/// living node's endpoints stays in its datapath: no flow of the two is judged anew.</summary>
public sealed class StoreFailureTests : IAsyncLifetime
{
    private static readonly TimeSpan _timeToLive = TimeSpan.FromSeconds(3);
    private readonly List<TestNode> _nodes = [];
    private readonly List<TestProxy> _ways = [];
    private readonly List<EtcdKeyValues> _stores = [];
    private readonly ConcurrentBag<string> _lost = [];
    private EtcdMember[] _etcd = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _nodes.ForEach(node => node.Dispose());
        foreach (IAsyncDisposable one in _stores.Concat<IAsyncDisposable>(_ways).Concat(_etcd))
        {
            await one.DisposeAsync();
        }
    }

    [Fact]
    public async Task EtcdThatIsSlow_CostsNobodyItsLease()
    {
        await MakeAsync(2);
        Endpoint web = RunKnown(1, "web");
        _ways.ForEach(way => way.Delay = TimeSpan.FromMilliseconds(60));
        var took = Stopwatch.StartNew();
        Endpoint[] many = [.. Enumerable.Range(0, 15).Select(i => _nodes[1].Run("app", $"container:n={i}"))];
        while (!many.All(endpoint => IsKnown(0, 1, endpoint)))
        {
            Assert.Null(_nodes[0].Desk.Nodes.Single(node => node.Name == "host2").Silence);
            Assert.True(took.Elapsed < TimeSpan.FromMinutes(1), Say());
            await Task.Delay(20);
        }

        Assert.True(took.Elapsed > _timeToLive, "it was not slow enough to show anything");
        MustHaveKept(web);
    }

    [Fact]
    public async Task EtcdThatIsAwayForLong_IsSaidWithSinceWhen_AndItsReturnIsEnough()
    {
        await MakeAsync(2);
        Endpoint web = RunKnown(1, "web");
        DateTimeOffset away = DateTimeOffset.UtcNow;
        await _etcd[0].KillAsync();
        TestNode.Until(() => _nodes.TrueForAll(node => !node.Desk.State.IsConnected), Say);
        await Task.Delay(3 * _timeToLive);
        Assert.All(_nodes, node => Assert.InRange(node.Desk.State.Since, away - _timeToLive, away + TimeSpan.FromSeconds(1)));
        Assert.All(_nodes, node => Assert.Contains("etcd", node.Desk.State.Problem, StringComparison.Ordinal));
        Endpoint known = _nodes[0].Run("app", "container:role=web");
        Endpoint unknown = _nodes[0].Run("app", "container:role=new");
        Assert.Equal((EndpointState.Ready, EndpointState.Init), (known.State, unknown.State));
        _nodes[1].Restart();

        await _etcd[0].StartAsync();
        MustKnow(1, 0, known);
        MustKnow(1, 0, unknown);
        TestNode.Until(() => _nodes.TrueForAll(node => node.Desk.State.IsConnected && node.Desk.Nodes.All(one => one.Silence is null)), Say);
        MustHaveKept(web);
    }

    [Fact]
    public async Task NodeWhoseWayIsGoneForLongerThanItsLease_IsSilent_AndItsEndpointsStayKnown()
    {
        await MakeAsync(2);
        Endpoint web = RunKnown(1, "web");
        Endpoint gone = RunKnown(1, "gone");
        Freeze(1);
        TestNode.Until(() => _nodes[0].Desk.Nodes.Single(node => node.Name == "host2").Silence is not null, Say);
        TestNode.Until(() => !_nodes[1].Desk.State.IsConnected, Say);
        Assert.Equal(Identity.RemoteNode, _nodes[0].Host.Ipcache[IpPrefix.Parse("192.0.2.12/32")].Identity);

        // Meanwhile it loses one and gets one; of an address that another still has to the others, nobody gets anything.
        IpPrefix address = IpPrefix.Single(gone.Ipv4!);
        _nodes[1].Remove(_nodes[1].Now(gone));
        Endpoint heir = _nodes[1].Run("app", "container:role=web", gone.Ipv4);
        Assert.Equal(EndpointState.Init, heir.State);
        Thaw(1);
        MustKnow(0, 1, heir);
        Assert.Equal(_nodes[1].Now(web).Identity, _nodes[0].Host.Ipcache[address].Identity);
        TestNode.Until(() => _nodes[0].Desk.Nodes.All(node => node.Silence is null), Say);
        MustHaveKept(web);
    }

    /// <summary>The others heard of an endpoint, and its own node has not heard that they did: it goes, and another gets its address.</summary>
    [Fact]
    public async Task AddressOfOneThatWasToldOfAMomentAgo_IsNobodyElses_UntilTheOthersHearThatItIsGone()
    {
        await MakeAsync(2);
        Endpoint web = RunKnown(1, "web");
        RunKnown(1, "gone");
        _ways[1].SwallowsAnswers = true;
        Endpoint gone = _nodes[1].Run("app", "container:role=gone");
        Assert.Equal(EndpointState.Ready, gone.State);
        IpPrefix address = IpPrefix.Single(gone.Ipv4!);
        TestNode.Until(() => _nodes[0].Host.Ipcache.ContainsKey(address), Say);

        Freeze(1);
        _nodes[1].Remove(_nodes[1].Now(gone));
        Endpoint heir = _nodes[1].Run("app", "container:role=web", gone.Ipv4);
        Assert.Equal(EndpointState.Init, heir.State);
        Endpoint same = _nodes[1].Run("app", "container:role=web");
        Assert.Equal(EndpointState.Ready, same.State);

        Thaw(1);
        MustKnow(0, 1, heir);
        Assert.Equal(_nodes[1].Now(web).Identity, _nodes[0].Host.Ipcache[address].Identity);
    }

    [Fact]
    public async Task WhatWasCompactedMeanwhile_IsListedAnew()
    {
        await MakeAsync(2);
        Endpoint web = RunKnown(1, "web");
        Endpoint gone = RunKnown(1, "gone");
        Freeze(0);
        Endpoint come = _nodes[1].Run("app", "container:role=come");
        _nodes[1].Remove(_nodes[1].Now(gone));
        TestNode.Until(() => _nodes[1].Now(come).State == EndpointState.Ready, Say);
        await Task.Delay(_timeToLive);
        await _stores[1].CompactAsync((await _stores[1].ListAsync("nodes/")).Revision);
        Thaw(0);
        MustKnow(0, 1, come);
        TestNode.Until(() => !_nodes[0].Host.Ipcache.ContainsKey(IpPrefix.Single(gone.Ipv4!)), Say);
        MustHaveKept(web);
    }

    [Fact]
    public async Task EtcdThatIsPutBackToABackup_HearsAgainWhatItLost()
    {
        await MakeAsync(2);
        Endpoint old = RunKnown(1, "old");
        string backup = Path.Combine(_etcd[0].Folder, "backup");
        await _etcd[0].ControlAsync("snapshot", "save", backup);
        Endpoint web = RunKnown(1, "web");
        Endpoint api = RunKnown(0, "api");
        (Identity webs, Identity apis) = (_nodes[1].Now(web).Identity, _nodes[0].Now(api).Identity);
        _nodes[1].Remove(_nodes[1].Now(old));
        TestNode.Until(() => !_nodes[0].Host.Ipcache.ContainsKey(IpPrefix.Single(old.Ipv4!)), Say);

        await _etcd[0].KillAsync();
        await _etcd[0].RestoreAsync(backup);
        await _etcd[0].StartAsync();
        Endpoint more = _nodes[0].Run("app", "container:role=more");
        MustKnow(1, 0, more);
        TestNode.Until(() => !_nodes[0].Host.Ipcache.ContainsKey(IpPrefix.Single(old.Ipv4!)), Say);
        await Task.Delay(_timeToLive + TimeSpan.FromSeconds(1)); // what nobody has said again by then is let go
        MustKnow(0, 1, web);
        MustKnow(1, 0, api);
        Assert.Equal((webs, apis), (_nodes[1].Now(web).Identity, _nodes[0].Now(api).Identity));
        Assert.Equal(3, new[] { webs, apis, _nodes[0].Now(more).Identity }.Distinct().Count());
        MustHaveKept(web);
    }

    [Fact]
    public async Task CredentialsThatAreRevoked_AreSaid_AndAllGoesOnWhenTheyAreBack()
    {
        _etcd = [await EtcdMember.StartAsync("--bcrypt-cost", "4")];
        foreach (string line in (string[])["user add root:secret", "role add weir", "role grant-permission weir --prefix=true readwrite /weir/", "user add weir:word", "user grant-role weir weir", "user grant-role root root", "auth enable"])
        {
            await _etcd[0].ControlAsync(line.Split(' '));
        }

        await MakeAsync(2, "weir");
        Endpoint web = RunKnown(1, "web");
        await RootAsync("user revoke-role weir weir");
        TestNode.Until(() => _nodes.TrueForAll(node => node.Desk.State.Problem?.Contains("permission denied", StringComparison.Ordinal) == true), Say);
        await Task.Delay(2 * _timeToLive);
        Endpoint known = _nodes[0].Run("app", "container:role=web");
        Assert.Equal(EndpointState.Ready, known.State);
        await RootAsync("user grant-role weir weir");
        MustKnow(1, 0, known);
        TestNode.Until(() => _nodes.TrueForAll(node => node.Desk.State.IsConnected && node.Desk.Nodes.All(one => one.Silence is null)), Say);
        MustHaveKept(web);
    }

    [Fact]
    public async Task LeaderThatIsKilled_IsFollowedByAnother()
    {
        _etcd = await EtcdMember.StartClusterAsync(3);
        await MakeAsync(3);
        Endpoint web = RunKnown(1, "web");
        for (int i = 0; i < 3; i++)
        {
            EtcdMember leader = _etcd[i]; // whoever of them it is, it is killed once
            await leader.KillAsync();
            Endpoint come = _nodes[i].Run("app", $"container:round={i}");
            MustKnow((i + 1) % 3, i, come);
            MustKnow((i + 2) % 3, i, come);
            await leader.StartAsync();
        }

        TestNode.Until(() => _nodes.TrueForAll(node => node.Desk.State.IsConnected && node.Desk.Nodes.All(one => one.Silence is null)), Say);
        MustHaveKept(web);
    }

    [Fact]
    public async Task HalfOfTheNodes_AreCutOff_AndAgreeWithTheOthersAfterwards()
    {
        await MakeAsync(4);
        Endpoint web = RunKnown(1, "web");
        Endpoint there = RunKnown(3, "there");
        await _nodes[0].ApplyAsync(Document("one"));
        Freeze(2);
        Freeze(3);
        TestNode.Until(() => _nodes[0].Desk.Nodes.Count(node => node.Silence is not null) == 2 && !_nodes[2].Desk.State.IsConnected && !_nodes[3].Desk.State.IsConnected, Say);
        PolicyOutcome outcome = await _nodes[0].ApplyAsync(Document("two"));
        Assert.Equal(["node host3 is silent", "node host4 is silent"], outcome.Problems.Select(problem => problem.Message[..20]).Order(StringComparer.Ordinal));
        ControlException refused = await Assert.ThrowsAsync<ControlException>(() => _nodes[3].ApplyAsync(Document("three")));
        Assert.Contains("nothing was changed", refused.Message, StringComparison.Ordinal);
        Assert.Single(_nodes[3].Policy.Documents);
        Endpoint come = _nodes[0].Run("app", "container:role=come");
        MustKnow(1, 0, come);
        Assert.False(IsKnown(3, 0, come));

        Thaw(2);
        Thaw(3);
        MustKnow(2, 0, come);
        MustKnow(3, 0, come);
        TestNode.Until(() => _nodes.TrueForAll(node => node.Policy.Documents.Count == 2 && node.Desk.Nodes.All(one => one.Silence is null)), Say);
        MustHaveKept(web, there);
    }

    [Fact]
    public async Task WayThatBreaksAllTheTime_CostsNoMemory()
    {
        await MakeAsync(2);
        Endpoint web = RunKnown(1, "web");
        long before = 0;
        const int Times = 60;
        for (int i = 0; i < Times; i++)
        {
            _ways.ForEach(way => way.Cut());
            if (i % 10 == 0)
            {
                MustKnow(0, 1, _nodes[1].Run("app", $"container:role=web"));
            }

            await Task.Delay(50);
            before = i == Times / 3 ? GC.GetTotalMemory(forceFullCollection: true) : before;
        }

        TestNode.Until(() => _nodes.TrueForAll(node => node.Desk.State.IsConnected), Say);
        // What tests beside this one hold, they let go of in the end; what leaks stays.
        TestNode.Until(() => Grown() < 4 << 20, () => $"{Grown()} bytes more");
        MustHaveKept(web);

        long Grown() => GC.GetTotalMemory(forceFullCollection: true) - before;
    }

    [Fact]
    public async Task ClockThatJumps_CostsNobodyItsLease()
    {
        JumpingTime[] clocks = [new(), new()];
        await MakeAsync(2, clocks: clocks);
        Endpoint web = RunKnown(1, "web");
        foreach (int hours in new[] { -2, 3 })
        {
            clocks[1].Ahead += TimeSpan.FromHours(hours);
            var waited = Stopwatch.StartNew();
            while (waited.Elapsed < 2 * _timeToLive)
            {
                Assert.Null(_nodes[0].Desk.Nodes.Single(node => node.Name == "host2").Silence);
                Assert.True(_nodes[1].Desk.State.IsConnected, Say());
                await Task.Delay(50);
            }

            MustKnow(0, 1, _nodes[1].Run("app", $"container:role=after{hours}"));
        }

        MustHaveKept(web);
    }

    [Fact]
    public async Task FiftyContainersAtOnce_OnEachOfThreeNodes_AreKnownToAll()
    {
        await MakeAsync(3);
        Endpoint[][] all = new Endpoint[3][];
        Parallel.For(0, 3, i => all[i] = [.. Enumerable.Range(0, 50).Select(n => _nodes[i].Run("app", $"container:n={n / 5}"))]);
        for (int i = 0; i < 3; i++)
        {
            foreach (Endpoint endpoint in all[i])
            {
                MustKnow((i + 1) % 3, i, endpoint);
                MustKnow((i + 2) % 3, i, endpoint);
            }
        }

        Assert.Equal(10, all.SelectMany((there, i) => there.Select(endpoint => _nodes[i].Now(endpoint).Identity)).Distinct().Count());
        Assert.Equal(150, all.SelectMany(there => there).Select(endpoint => endpoint.Ipv4).Distinct().Count());
    }

    private static PolicyDocument Document(string name) => PolicyReader.Read($"{name}.yaml", $$$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: {{{name}}}}
        spec:
          endpointSelector: {matchLabels: {role: api}}
          ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
        """).Documents.Single();

    /// <summary>Nodes with a network, each with a way to etcd of its own.</summary>
    private async Task MakeAsync(int count, string? user = null, JumpingTime[]? clocks = null)
    {
        _etcd = _etcd.Length > 0 ? _etcd : [await EtcdMember.StartAsync()];
        for (int i = 0; i < count; i++)
        {
            TestProxy[] ways = [.. _etcd.Select(member => TestProxy.To(member))];
            _ways.AddRange(ways);
            var options = new EtcdOptions { Endpoints = [.. ways.Select(way => way.Endpoint)], RequestTimeout = TimeSpan.FromSeconds(1), User = user, Password = user is null ? null : "word" };
            _stores.Add(await EtcdKeyValues.ConnectAsync(options, NullLogger.Instance));
            _nodes.Add(new TestNode($"host{i + 1}", $"192.0.2.{11 + i}", _stores[i], _timeToLive, time: clocks?[i]));
        }

        TestNode.Until(() => _nodes.TrueForAll(node => node.Desk.State.IsConnected), Say);
        await _nodes[0].Desk.CreateNetworkAsync(new NetworkRecord("app", [IpPrefix.Parse("10.40.0.0/16")], IsInternal: false, null), default);
        _nodes.ForEach(node => node.JoinNetwork("app"));
    }

    /// <summary>Runs one, and looks from then on whether any other node ever loses it.</summary>
    private Endpoint RunKnown(int whose, string role)
    {
        Endpoint endpoint = _nodes[whose].Run("app", $"container:role={role}");
        for (int i = 0; i < _nodes.Count; i++)
        {
            if (i != whose)
            {
                MustKnow(i, whose, endpoint);
                TestNode who = _nodes[i];
                Action before = who.Host.Looked;
                (IpPrefix address, Identity identity) = (IpPrefix.Single(endpoint.Ipv4!), _nodes[whose].Now(endpoint).Identity);
                who.Host.Looked = () =>
                {
                    before();
                    if (!who.Host.Ipcache.TryGetValue(address, out var row) || row.Identity != identity || row.Node == 0)
                    {
                        _lost.Add($"{who.Name}: {address} is {row}");
                    }
                };
            }
        }

        return endpoint;
    }

    private void MustHaveKept(params Endpoint[] endpoints) =>
        Assert.DoesNotContain(_lost, lost => endpoints.Any(endpoint => lost.Contains($" {IpPrefix.Single(endpoint.Ipv4!)} ", StringComparison.Ordinal)));

    /// <summary>Nothing comes through, and nobody is told.</summary>
    private void Freeze(int node) => (_ways[node].SwallowsRequests, _ways[node].SwallowsAnswers) = (true, true);

    private void Thaw(int node) => _ways[node].Cut();

    private bool IsKnown(int who, int whose, Endpoint endpoint) =>
        _nodes[whose].Now(endpoint) is { State: EndpointState.Ready } now && _nodes[who].Host.Ipcache.TryGetValue(IpPrefix.Single(now.Ipv4!), out var known) && known.Identity == now.Identity && known.Node != 0;

    private void MustKnow(int who, int whose, Endpoint endpoint) => TestNode.Until(() => IsKnown(who, whose, endpoint), () => $"{_nodes[who].Name} does not know {_nodes[whose].Now(endpoint).Name} ({_nodes[whose].Now(endpoint).State}); {Say()}");

    private string Say() => string.Join("; ", _nodes.Select((node, i) => $"{node.Name}: {node.Desk.State} {string.Join(',', node.Desk.Nodes.Select(one => $"{one.Name} {one.Silence}"))} {_stores[i].State}"));

    private Task<string> RootAsync(string line) => _etcd[0].ControlAsync(["--user", "root:secret", .. line.Split(' ')]);
}
