// SPDX-License-Identifier: Apache-2.0
using System.Collections.Immutable;
using System.Net;
using Weir.Control.Cluster;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Weir.Services;
using Weir.Store;
using Xunit;

namespace Weir.Control.Tests.Cluster;

/// <summary>Names of containers and services, as agents on hosts in memory that share a store put them into their datapaths.</summary>
public sealed class NetworkNamesTests : IAsyncDisposable
{
    private readonly MemoryKeyValues _shared = new();
    private readonly List<TestNode> _nodes = [];

    public async ValueTask DisposeAsync()
    {
        _nodes.ForEach(node => node.Dispose());
        await _shared.DisposeAsync();
    }

    [Fact]
    public async Task NamesAndAliases_AreKnownOnEveryHost_ByThemselvesAndInTheirNetwork()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        Endpoint api = a.Run("app", "container:role=api");
        a.SetAliases(api, "API", "db.example", "not a name", "a..b", new string('x', 64));
        foreach (TestNode node in _nodes)
        {
            MustAnswer(node, "host1-1", api.Ipv4);
            MustAnswer(node, "host1-1.app", api.Ipv4);
            MustAnswer(node, "api", api.Ipv4);
            MustAnswer(node, "api.app", api.Ipv4);
            MustAnswer(node, "db.example", api.Ipv4);
            MustAnswer(node, "db.example.app", api.Ipv4);
            Assert.Equal(6, node.Host.Names.Count);
        }

        a.SetAliases(api, "other");
        MustAnswer(b, "api");
        MustAnswer(b, "other", api.Ipv4);
        NameView view = Assert.Single(b.Desk.NamesOf("app"), name => name.Name == "other");
        Assert.Equal([(api.Ipv4!, "host1", "host1-1")], view.Addresses);
        Assert.Equal(["host1-1", "other"], b.Desk.NamesOf("app").Select(name => name.Name));
        a.Remove(a.Now(api));
        TestNode.Until(() => a.Host.Names.Count == 0 && b.Host.Names.Count == 0, () => "names of who is gone stay");
    }

    [Fact]
    public async Task AliasOfSeveral_LeadsToAllOfThem_AndWhereThereAreMoreThanAnAnswerHolds_ToOwnOnesFirst()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        Endpoint[] own = [.. Enumerable.Range(0, 3).Select(_ => b.Run("app", "container:role=api"))];
        Endpoint[] far = [.. Enumerable.Range(0, 3).Select(_ => a.Run("app", "container:role=api"))];
        foreach (Endpoint endpoint in own)
        {
            b.SetAliases(endpoint, "api");
        }

        foreach (Endpoint endpoint in far)
        {
            a.SetAliases(endpoint, "api");
        }

        MustAnswer(a, "api", [.. own.Concat(far).Select(endpoint => endpoint.Ipv4)]);
        MustAnswer(b, "api", [.. own.Concat(far).Select(endpoint => endpoint.Ipv4)]);
        for (int i = 0; i < 9; i++)
        {
            a.SetAliases(a.Run("app", "container:role=api"), "api");
        }

        TestNode.Until(
            () => b.Desk.NamesOf("app").Single(name => name.Name == "api").Addresses.Count == 15 && Answer(b, "api") is { Count: NameRow.Longest } answer && own.All(endpoint => answer.Contains(endpoint.Ipv4!)),
            () => $"{string.Join(", ", Answer(b, "api") ?? [])}");
        b.Remove(b.Now(own[0]));
        TestNode.Until(() => Answer(b, "api") is { Count: NameRow.Longest } answer && !answer.Contains(own[0].Ipv4!), () => "who is gone is answered still");
    }

    [Fact]
    public async Task NodeThatIsSilent_IsAnsweredWhereNobodyElseHasTheName_AndOneThatRestartsIsNotMissed()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync(TimeSpan.FromSeconds(3));
        Endpoint api = b.Run("app", "container:role=api");
        Endpoint own = a.Run("app", "container:role=api");
        b.SetAliases(api, "api", "only");
        a.SetAliases(own, "api");
        MustAnswer(a, "api", own.Ipv4, api.Ipv4);
        MustAnswer(a, "only", api.Ipv4);
        bool isKnownAllTheTime = true;
        a.Host.Looked = () => isKnownAllTheTime &= Answer(a, "only") is not null && Answer(a, "api") is { Count: 2 };
        a.Restart();
        b.Restart();
        await Task.Delay(TimeSpan.FromSeconds(1));
        MustAnswer(a, "api", own.Ipv4, api.Ipv4);
        MustAnswer(b, "api", own.Ipv4, api.Ipv4);
        Assert.True(isKnownAllTheTime);
        a.Host.Looked = () => { };

        // Its agent is dead, its containers may live.
        _nodes.Remove(b);
        b.Dispose();
        MustAnswer(a, "api", own.Ipv4);
        MustAnswer(a, "only", api.Ipv4);
        await a.Desk.ForgetNodeAsync("host2", default);
        MustAnswer(a, "only");
        MustAnswer(a, "api", own.Ipv4);
    }

    [Fact]
    public async Task WhatANodeSaysOfOthersAddresses_OrTooMuch_IsNotBelieved()
    {
        (TestNode a, _) = await MakeTwoAsync();
        IPAddress victim = a.Run("app", "container:role=victim").Ipv4!;
        IPAddress own = IPAddress.Parse("10.40.9.2");
        await PutAsync(ClusterKeys.Node("host9"), new NodeRecord("host9", IPAddress.Parse("192.0.2.19"), null, "9", "", DateTimeOffset.UnixEpoch, 0), ClusterContext.Default.NodeRecord);
        await _shared.CommitAsync(new Transaction().Put(ClusterKeys.Alive + "host9", "1"u8.ToArray()));
        foreach (IpPrefix block in (IpPrefix[])[IpPrefix.Parse("10.40.9.0/24"), IpPrefix.Parse("fd40::/80")])
        {
            await PutAsync(ClusterKeys.Block("app", block), new BlockRecord("app", block, "host9"), ClusterContext.Default.BlockRecord);
        }

        await ForgeAsync("e1", "forged", [victim, IPAddress.Parse("198.51.100.1"), own], [.. Enumerable.Range(0, 40).Select(n => $"alias{n:d2}"), "a b", "bad\u00e9"]);
        MustAnswer(a, "forged", own);
        MustAnswer(a, "alias15", own);
        MustAnswer(a, "alias16");
        Assert.DoesNotContain(a.Host.Names.Where(name => !$"{name.Key.Name}".StartsWith("host1-1", StringComparison.Ordinal)), name => name.Value.Contains(victim));

        // Nor one that no way leads to: the nodes have no IPv6 addresses on their segment.
        await ForgeAsync("e3", "six", [IPAddress.Parse("fd40::6"), own], []);
        MustAnswer(a, "six", own);

        // A name that is another's, too: both are answered, as Docker does.
        await ForgeAsync("e2", "host1-1", [own], []);
        MustAnswer(a, "host1-1", victim, own);
    }

    [Fact]
    public async Task Service_IsKnownByItsName_BeforeContainersAre_AndPublishedPortsAreNot()
    {
        (TestNode a, TestNode b) = await MakeTwoAsync();
        Endpoint api = b.Run("app", "container:role=api");
        b.SetAliases(api, "shop");
        MustAnswer(a, "shop", api.Ipv4);
        a.Serve(Service("shop", "203.0.113.10:80/tcp", "203.0.113.10:443/tcp", "[2001:db8::10]:80/tcp"), Service("docker/web/80", "192.0.2.11:8080/tcp") with { IsPublished = true }, Service("nothing"));
        MustAnswer(a, "shop", IPAddress.Parse("203.0.113.10"), IPAddress.Parse("2001:db8::10"));
        MustAnswer(a, "shop.app", IPAddress.Parse("203.0.113.10"), IPAddress.Parse("2001:db8::10"));
        Assert.True(a.Desk.NamesOf("app").Single(name => name.Name == "shop").IsService);
        Assert.Equal(["host2-1", "shop"], a.Desk.NamesOf("app").Select(name => name.Name));
        MustAnswer(b, "shop", api.Ipv4);
        a.Serve();
        MustAnswer(a, "shop", api.Ipv4);
    }

    [Fact]
    public async Task TableThatIsFull_IsSaid_AndMendsItselfWhenNamesGo()
    {
        (TestNode a, _) = await MakeTwoAsync();
        Endpoint first = a.Run("app", "container:role=api");
        a.Host.MostNames = 3;
        Endpoint second = a.Run("app", "container:role=api");
        Assert.Contains("names of containers and services", a.Undone);
        Assert.Equal(3, a.Host.Names.Count);
        a.Remove(a.Now(first));
        TestNode.Until(() => Answer(a, "host1-2")?.Contains(second.Ipv4!) == true && Answer(a, "host1-2.app") is not null, () => string.Join(", ", a.Host.Names.Keys));
        Assert.Empty(a.Undone);
    }

    private static Service Service(string name, params string[] frontends) =>
        new(new ServiceSpec { Name = name, Frontends = [.. frontends.Select(Frontend.Parse)] }, IsPublished: false);

    private static IReadOnlyList<IPAddress>? Answer(TestNode node, string name) =>
        DnsName.TryParse(name, out DnsName parsed) ? node.Host.Names.GetValueOrDefault(new NetworkName(node.World.Networks.Values.Single().Number, parsed)) : null;

    /// <param name="addresses">None: the name is not known.</param>
    private static void MustAnswer(TestNode node, string name, params IPAddress?[] addresses) => TestNode.Until(
        () => (Answer(node, name) ?? []).Select(address => $"{address}").Order(StringComparer.Ordinal).SequenceEqual(addresses.Select(address => $"{address}").Order(StringComparer.Ordinal)),
        () => $"{name}: {string.Join(", ", Answer(node, name) ?? [])}, not {string.Join(", ", addresses.AsEnumerable())}");

    private Task ForgeAsync(string id, string name, IPAddress[] addresses, string[] aliases) =>
        PutAsync(ClusterKeys.Endpoint("host9", id), new EndpointRecord(name, new Identity(70_000), "app", addresses, aliases), ClusterContext.Default.EndpointRecord);

    private async Task PutAsync<T>(string key, T record, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        await _shared.CommitAsync(new Transaction().Put(key, System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(record, type)));

    private async Task<(TestNode A, TestNode B)> MakeTwoAsync(TimeSpan? timeToLive = null)
    {
        _nodes.AddRange([new TestNode("host1", "192.0.2.11", _shared, timeToLive), new TestNode("host2", "192.0.2.12", _shared, timeToLive)]);
        await _nodes[0].Desk.CreateNetworkAsync(new NetworkRecord("app", [IpPrefix.Parse("10.40.0.0/16")], IsInternal: false, Mtu: null), default);
        _nodes.ForEach(node => node.JoinNetwork("app"));
        return (_nodes[0], _nodes[1]);
    }
}
