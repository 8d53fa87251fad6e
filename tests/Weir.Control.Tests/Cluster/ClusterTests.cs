// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Cluster;
using Weir.Control.Host;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Weir.Policy;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>Agents on hosts in memory that share a store.</summary>
public sealed class ClusterTests : IDisposable
{
    private static readonly IpPrefix _range = IpPrefix.Parse("10.40.0.0/16");
    private readonly MemoryKeyValues _shared = new();
    private readonly List<TestNode> _nodes = [];

    public void Dispose()
    {
        _nodes.ForEach(node => node.Dispose());
        _shared.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Fact]
    public async Task EndpointsOfOthers_AreKnownByTheirLabels_AndPolicySpeaksOfThem()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        a.Enforce(PolicySet.Empty.With(PolicyReader.Read("p.yaml", """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: p}
            spec:
              endpointSelector: {matchLabels: {role: api}}
              ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
            """).Documents));
        Endpoint api = a.Run("app", "container:role=api");
        Endpoint web = b.Run("app", "container:role=web");

        MustKnow(a, b, web);
        MustKnow(b, a, api);
        Identity role = b.Now(web).Identity;
        Assert.True(role.IsOfCluster);
        Assert.Contains(a.Host.Policies[api.Id], entry => entry.Identity == role.Value);
        Assert.Equal([new NodeRow(0, IPAddress.Parse("192.0.2.11"), IsOverlay: false), new NodeRow(1, IPAddress.Parse("192.0.2.12"), IsOverlay: false)], a.Host.Nodes.Values.OrderBy(node => node.Id));
        Assert.Equal(0, a.Host.Overlay);
        Assert.Equal(Identity.RemoteNode, a.Host.Ipcache[IpPrefix.Parse("192.0.2.12/32")].Identity);
        Assert.Equal(new IpcacheRow(IpPrefix.Single(web.Ipv4!), role, a.World.Networks["app-host1"].Number, 1), a.Host.Ipcache[IpPrefix.Single(web.Ipv4!)]);
        Assert.Contains(a.Host.Needs.OfType<HostNeed.NodeRoute>(), route => route.Node.Equals(IPAddress.Parse("192.0.2.12")) && route.Block.Contains(web.Ipv4!));

        b.Remove(b.Now(web));
        TestNode.Until(() => !a.Host.Ipcache.ContainsKey(IpPrefix.Single(web.Ipv4!)), () => "the address of who is gone keeps its identity");
    }

    [Fact]
    public async Task NodesOnDifferentSegments_HaveAnOverlay_AsLongAsThereIsOne()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync(TimeSpan.FromSeconds(2), isOnLink: false);
        Endpoint web = b.Run("app", "container:role=web");
        MustKnow(a, b, web);
        TestNode.Until(() => a.Host.Overlay == 9 && a.Host.Nodes.Values.Any(node => node is { Id: 1, IsOverlay: true }), () => $"{a.Host.Overlay}: {string.Join(", ", a.Host.Nodes.Values)}");
        Assert.Contains(a.Host.Needs.OfType<HostNeed.OverlayRoute>(), route => route.Block.Contains(web.Ipv4!));
        Assert.Empty(a.Host.Needs.OfType<HostNeed.NodeRoute>());
        Assert.Equal(new IpcacheRow(_range, Identity.WorldIpv4, a.World.Networks["app-host1"].Number), a.Host.Ipcache[_range]);

        a.Restart();
        Assert.Equal(9, a.Host.Overlay);
        _nodes.Remove(b);
        b.Dispose();
        TestNode.Until(() => a.Desk.Nodes.Any(node => node.Silence is not null), () => "nobody noticed");
        Assert.Equal(9, a.Host.Overlay); // its kernel may live
        await a.Desk.ForgetNodeAsync("host2", default);
        TestNode.Until(() => a.Host.Overlay == 0 && !a.Host.Needs.Any(need => need is HostNeed.OverlayDevice or HostNeed.OverlayRoute), () => "an overlay to nobody");
    }

    [Fact]
    public async Task LabelSet_HasOneNumberOnAllNodes_HoweverManyBeginAtOnce()
    {
        TestNode[] nodes = [.. Enumerable.Range(1, 4).Select(i => Make($"host{i}", $"192.0.2.{10 + i}"))];
        await MakeNetworkAsync(nodes);
        Endpoint[][] endpoints = new Endpoint[nodes.Length][];
        Parallel.For(0, nodes.Length, i => endpoints[i] = [.. Enumerable.Range(0, 12).Select(n => nodes[i].Run("app", $"container:n={n}"))]);
        TestNode.Until(() => nodes.Zip(endpoints).All(one => one.Second.All(endpoint => one.First.Now(endpoint).State == EndpointState.Ready)), () => "somebody has no identity");

        for (int n = 0; n < 12; n++)
        {
            Assert.Single(nodes.Select((node, i) => node.Now(endpoints[i][n]).Identity).Distinct());
        }

        Assert.Equal(12, nodes.Select((node, i) => endpoints[i].Select(endpoint => node.Now(endpoint).Identity)).SelectMany(all => all).Distinct().Count());
        Assert.Equal(48, endpoints.SelectMany(all => all).Select(endpoint => endpoint.Ipv4).Distinct().Count());
        TestNode.Until(() => nodes.All(node => node.Host.Ipcache.Keys.Count(prefix => _range.Contains(prefix)) == 36), () => "somebody does not know all");
    }

    [Fact]
    public async Task AgentThatIsAwayForLongerThanItsLease_IsSilent_AndItsEndpointsAreKnownAllTheTime()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync(TimeSpan.FromSeconds(3));
        Endpoint web = b.Run("app", "container:role=web");
        MustKnow(a, b, web);
        bool isKnownAllTheTime = true;
        a.Host.Looked = () => isKnownAllTheTime &= a.Host.Ipcache.ContainsKey(IpPrefix.Single(web.Ipv4!));
        b.Restart();
        Endpoint second = b.Run("app", "container:role=web");
        MustKnow(a, b, second);
        await Task.Delay(TimeSpan.FromSeconds(5)); // longer than the lease of the agent before
        MustKnow(a, b, web);
        Assert.True(isKnownAllTheTime);
        a.Host.Looked = () => { };

        _nodes.Remove(b);
        b.Dispose();
        TestNode.Until(() => a.Desk.Nodes.Any(node => node is { Name: "host2", Silence: not null }), () => "nobody noticed");
        MustKnow(a, b, web);
        TestNode late = Make("host3", "192.0.2.13");
        late.JoinNetwork("app");
        MustKnow(late, b, web);
        ControlException refused = await Assert.ThrowsAsync<ControlException>(() => a.Desk.DeleteNetworkAsync("app", default));
        Assert.Contains("node forget host2", refused.Message, StringComparison.Ordinal);
        Assert.Contains("alive", (await Assert.ThrowsAsync<ControlException>(() => late.Desk.ForgetNodeAsync("host1", default))).Message, StringComparison.Ordinal);
        await late.Desk.ForgetNodeAsync("host2", default);
        TestNode.Until(
            () => !a.Host.Ipcache.ContainsKey(IpPrefix.Single(web.Ipv4!)) && a.Host.Nodes.Values.All(node => !node.Address.Equals(IPAddress.Parse("192.0.2.12")))
                && a.Host.Needs.OfType<HostNeed.NodeRoute>().All(route => route.Node.Equals(IPAddress.Parse("192.0.2.13"))) && a.Desk.Nodes.Count == 2,
            () => "a node that is forgotten stays");
    }

    [Fact]
    public async Task NumberThatNobodyUses_IsForgottenByAll_AndOneInUseIsNot()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync(TimeSpan.FromSeconds(1));
        Endpoint web = b.Run("app", "container:role=web");
        Endpoint gone = b.Run("app", "container:role=gone");
        MustKnow(a, b, web);
        MustKnow(a, b, gone);
        Identity number = b.Now(gone).Identity;
        b.Remove(b.Now(gone));

        TestNode.Until(() => !a.World.Identities.ContainsKey(number) && !b.World.Identities.ContainsKey(number), () => "a number that nobody uses stays");
        Assert.Equal(b.Now(web).Identity, a.World.NumbersOfLabels[b.Now(web).Labels]);
        MustKnow(a, b, b.Run("app", "container:role=gone"));
        Assert.Equal(2, (await _shared.ListAsync("numbers/")).Records.Count);
    }

    [Fact]
    public async Task NameThatAnotherHas_IsRefused_WithTheOthersAddress()
    {
        TestNode first = Make("host1", "192.0.2.11");
        TestNode.Until(() => first.Desk.Nodes.Count == 1, () => "not registered");
        TestNode second = Make("host1", "192.0.2.12");
        TestNode.Until(() => second.Desk.State.Problem?.Contains("192.0.2.11", StringComparison.Ordinal) == true, () => $"{second.Desk.State}");
        Assert.Equal("192.0.2.11", $"{Assert.Single(first.Desk.Nodes).Address}");
        await Task.CompletedTask;
    }

    [Fact]
    public async Task WhileTheStoreIsAway_WhatIsKnownHolds_AndUnknownLabelsWait()
    {
        var way = new AwayKeyValues(_shared);
        TestNode a = Make("host1", "192.0.2.11", way);
        TestNode b = Make("host2", "192.0.2.12");
        await MakeNetworkAsync(a, b);
        Endpoint web = b.Run("app", "container:role=web");
        MustKnow(a, b, web);

        way.IsAway = true;
        TestNode.Until(() => !a.Desk.State.IsConnected, () => "nobody noticed");
        Assert.Contains("away", a.Desk.State.Problem, StringComparison.Ordinal);
        Endpoint known = a.Run("app", "container:role=web");
        Endpoint unknown = a.Run("app", "container:role=new");
        Assert.Equal((EndpointState.Ready, b.Now(web).Identity), (known.State, known.Identity));
        Assert.Equal((EndpointState.Init, Identity.Init), (unknown.State, unknown.Identity));
        Assert.Equal(b.Now(web).Identity, a.Host.Ipcache[IpPrefix.Single(web.Ipv4!)].Identity);
        a.Restart(); // while nobody tells it anything
        Assert.Equal((EndpointState.Ready, b.Now(web).Identity), (a.Now(known).State, a.Now(known).Identity));
        Assert.Equal(b.Now(web).Identity, a.Host.Ipcache[IpPrefix.Single(web.Ipv4!)].Identity);

        way.IsAway = false;
        MustKnow(b, a, known);
        MustKnow(b, a, unknown);
        Assert.True(a.Desk.State.IsConnected);
    }

    [Fact]
    public async Task AddressOutsideOfItsNodesBlocks_IsNobodys_AndABrokenRecordStopsNobody()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        Endpoint web = b.Run("app", "container:role=web");
        MustKnow(a, b, web);
        Endpoint api = a.Run("app", "container:role=api");
        MustKnow(b, a, api);
        // What an agent did not say of its own node, it takes back at once: so it is one without an agent that lies.
        var own = IPAddress.Parse("10.40.77.5");
        string forged = $$"""{"Name":"x","Identity":"{{b.Now(web).Identity.Value}}","Network":"app","Addresses":["{{api.Ipv4}}","10.99.0.1","{{own}}"]}""";
        await _shared.CommitAsync(new Transaction()
            .Put("nodes/host3", """{"Name":"host3","Address":"192.0.2.13","Instance":"i","Version":"1","Started":"2026-01-01T00:00:00Z","Endpoints":1}"""u8.ToArray())
            .Put("blocks/app/10.40.77.0_24", """{"Network":"app","Block":"10.40.77.0/24","Node":"host3"}"""u8.ToArray())
            .Put("endpoints/host3/forged", System.Text.Encoding.UTF8.GetBytes(forged)).Put("endpoints/host3/broken", "{"u8.ToArray())
            .Put("endpoints/host2/forged", System.Text.Encoding.UTF8.GetBytes(forged)));
        TestNode.Until(() => a.World.Cluster!.Faults.ContainsKey("endpoints/host3/broken"), () => "not heard");

        Assert.Equal("endpoints/host3/broken", Assert.Single(a.World.Cluster!.Faults).Key);
        TestNode.Until(() => a.Host.Ipcache.ContainsKey(IpPrefix.Single(own)), () => "an address in a block of the node is left out");
        TestNode.Until(() => a.World.Cluster!.Endpoints["host2"].Count == 1, () => "what was said in a node's name stays");
        Assert.Equal(1, b.Host.Ipcache[IpPrefix.Single(api.Ipv4!)].Node);
        Assert.False(a.Host.Ipcache.ContainsKey(IpPrefix.Single(api.Ipv4!)));
        Assert.False(a.Host.Ipcache.ContainsKey(IpPrefix.Parse("10.99.0.1/32")));
        MustKnow(a, b, b.Run("app", "container:role=web"));
    }

    [Fact]
    public async Task Policy_IsInForceOnAllNodes_WhenWhoAppliedItIsTold_AndTwoWritersLoseNothing()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        Endpoint api = b.Run("app", "container:role=api");
        MustKnow(a, b, api);

        Assert.Empty((await a.ApplyAsync(Document("one", "web"))).Problems);

        Assert.Equal("one", Assert.Single(b.Policy.Documents).Name);
        Assert.True(b.World.Engine.IsDefaultDeny(new PolicyPeer(b.Now(api).Identity, b.Now(api).Labels, null), PolicyDirection.Ingress));
        await Task.WhenAll(Enumerable.Range(0, 6).Select(i => (i % 2 == 0 ? a : b).ApplyAsync(Document($"more{i}", "web"))));
        TestNode.Until(() => a.Policy.Documents.Count == 7 && b.Policy.Documents.Count == 7, () => $"{a.Policy.Documents.Count} {b.Policy.Documents.Count}");
        await b.DeleteAsync(b.Policy.Documents.Single(document => document.Name == "one").Key);
        Assert.DoesNotContain(a.Policy.Documents, document => document.Name == "one");
        Assert.Equal(a.Policy.Documents.Select(document => document.Name).Order(StringComparer.Ordinal), b.Policy.Documents.Select(document => document.Name).Order(StringComparer.Ordinal));
        Assert.Equal(6, (await _shared.ListAsync("texts/")).Records.Count);

        TestNode late = Make("host3", "192.0.2.13");
        TestNode.Until(() => late.Policy.Documents.Count == 6, () => $"a node that comes late has {late.Policy.Documents.Count} policies");
    }

    [Fact]
    public async Task PolicyInAudit_IsSoOnAllNodes_UntilItIsEnforced()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        Endpoint api = b.Run("app", "container:role=api");
        MustKnow(a, b, api);
        bool Denies() => b.World.Engine.IsDefaultDeny(new PolicyPeer(b.Now(api).Identity, b.Now(api).Labels, null), PolicyDirection.Ingress);

        Assert.Empty((await a.ApplyAsync(Document("one", "web").InAudit())).Problems);
        Assert.True(Assert.Single(b.Policy.Documents) is { AppliedInAudit: true, AuditedRules: 1 });
        Assert.False(Denies());
        Assert.Empty((await a.ApplyAsync(Document("one", "web"))).Problems);
        Assert.True(Assert.Single(b.Policy.Documents) is { AppliedInAudit: false, AuditedRules: 0 });
        Assert.True(Denies());
    }

    [Fact]
    public async Task PolicyThatOneNodeRefuses_IsSaid_AndOneOnWhichNobodyCanAgreeChangesNothing()
    {
        var way = new AwayKeyValues(_shared);
        TestNode a = Make("host1", "192.0.2.11", way);
        TestNode b = Make("host2", "192.0.2.12");
        await MakeNetworkAsync(a, b);
        MustKnow(a, b, b.Run("app", "container:role=api"));
        await a.ApplyAsync(Document("one", "web"));
        b.Host.Looked = () => b.Host.Arm(failAt: 1, endAt: 0); // whatever it tries
        b.Host.Arm(failAt: 1, endAt: 0);
        PolicyOutcome outcome = await a.ApplyAsync(Document("two", "db"));
        string problem = Assert.Single(outcome.Problems).Message;
        Assert.StartsWith("node host2 cannot put it in force", problem, StringComparison.Ordinal);
        Assert.Equal(["one", "two"], a.Policy.Documents.Select(document => document.Name).Order(StringComparer.Ordinal));
        TestNode.Until(() => b.Policy.Documents is [{ Name: "one" }], () => "what is refused stays"); // while it is tried again, it is the world's for a moment
        await Assert.ThrowsAsync<ControlException>(() => b.ApplyAsync(Document("three", "web"))); // upon what it has not
        b.Host.Looked = () => { };
        b.Host.Arm(0, 0);
        b.TryAgain();
        Assert.Equal(2, b.Policy.Documents.Count);

        way.IsAway = true;
        ControlException refused = await Assert.ThrowsAsync<ControlException>(() => a.ApplyAsync(Document("three", "web")));
        Assert.Contains("nothing was changed", refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, a.Policy.Documents.Count);
    }

    private static PolicyDocument Document(string name, string from) => PolicyReader.Read($"{name}.yaml", $$$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: {{{name}}}}
        spec:
          endpointSelector: {matchLabels: {role: api}}
          ingress: [{fromEndpoints: [{matchLabels: {role: {{{from}}}}}]}]
        """).Documents.Single();

    private TestNode Make(string name, string address, IKeyValues? way = null, TimeSpan? timeToLive = null, bool isOnLink = true)
    {
        var node = new TestNode(name, address, way ?? _shared, timeToLive, isOnLink);
        _nodes.Add(node);
        return node;
    }

    private async Task<(TestNode A, TestNode B)> MakeTwoAsync(TimeSpan? timeToLive = null, bool isOnLink = true)
    {
        TestNode a = Make("host1", "192.0.2.11", timeToLive: timeToLive, isOnLink: isOnLink);
        TestNode b = Make("host2", "192.0.2.12", timeToLive: timeToLive, isOnLink: isOnLink);
        await MakeNetworkAsync(a, b);
        return (a, b);
    }

    private static async Task MakeNetworkAsync(params TestNode[] nodes)
    {
        await nodes[0].Desk.CreateNetworkAsync(new NetworkRecord("app", [_range], IsInternal: false, null), default);
        foreach (TestNode node in nodes)
        {
            node.JoinNetwork("app");
        }
    }

    /// <summary>That one node has in its datapath what another's endpoint is.</summary>
    private static void MustKnow(TestNode who, TestNode whose, Endpoint endpoint) => TestNode.Until(
        () => whose.Now(endpoint) is { State: EndpointState.Ready } now && who.Host.Ipcache.TryGetValue(IpPrefix.Single(now.Ipv4!), out IpcacheRow? known) && known.Identity == now.Identity && known.Node != 0,
        () => $"{endpoint.Name}: {whose.Now(endpoint).State} {whose.Now(endpoint).Identity}; known: {string.Join(", ", who.Host.Ipcache.Values)}; {who.Desk.State} {whose.Desk.State}");
}
