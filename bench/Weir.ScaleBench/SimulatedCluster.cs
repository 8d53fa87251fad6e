// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Control.Tests.Cluster;
using Weir.Net;
using Weir.Policy;
using Weir.Store;
using Weir.Store.Etcd;

namespace Weir.ScaleBench;

/// <summary>Nodes that share a real etcd: a few are agents with a datapath in memory, the others are <see cref="Announcer"/>s.</summary>
internal sealed class SimulatedCluster(Uri etcd, int nodes, int endpoints, int agents) : IAsyncDisposable
{
    private const int LabelSets = 500;
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    private readonly List<Announcer> _announcers = [];
    private readonly List<(TestNode Node, CountingStore Store)> _agents = [];
    private readonly List<(Identity Identity, LabelSet Labels)> _labels =
        [.. Enumerable.Range(0, LabelSets).Select(i => (new Identity(Identity.FirstOfCluster + (uint)i), LabelSet.Parse($"container:app=app{i}")))];
    private EtcdKeyValues _store = null!;
    private int _started;

    internal async Task MakeAsync()
    {
        _store = await EtcdKeyValues.ConnectAsync(Announcer.Options(etcd), NullLogger.Instance);
        var network = new NetworkRecord("app", [IpPrefix.Parse("10.40.0.0/16")], IsInternal: false, null);
        await _store.CommitAsync(new Transaction().Put(ClusterKeys.Network("app"), Announcer.Bytes(network, ClusterContext.Default.NetworkRecord)));
        foreach ((Identity Identity, LabelSet Labels)[] some in _labels.Chunk(30))
        {
            var transaction = new Transaction();
            foreach ((Identity identity, LabelSet labels) in some)
            {
                transaction.Put(ClusterKeys.Identity(labels), Announcer.Bytes(new IdentityRecord(identity, labels), ClusterContext.Default.IdentityRecord)).Put(ClusterKeys.Number(identity), "1"u8.ToArray());
            }

            await _store.CommitAsync(transaction);
        }

        var took = Stopwatch.StartNew();
        _announcers.AddRange(Enumerable.Range(0, nodes - agents).Select(i => new Announcer(etcd, i)));
        foreach (Announcer[] some in _announcers.Chunk(20))
        {
            await Task.WhenAll(some.Select(announcer => announcer.StartAsync(_labels, endpoints)));
        }

        for (int i = 0; i < agents; i++)
        {
            var store = new CountingStore(await EtcdKeyValues.ConnectAsync(Announcer.Options(etcd), NullLogger.Instance));
            _agents.Add((new TestNode($"agent{i}", $"10.50.2.{i + 1}", store), store));
        }

        foreach ((TestNode node, _) in _agents)
        {
            await UntilAsync(() => node.Desk.Usable.Count > 0, () => $"{node.Name} has no block: {node.Desk.State}");
            node.JoinNetwork("app");
        }

        Parallel.ForEach(_agents, agent =>
        {
            for (int i = 0; i < endpoints; i++)
            {
                agent.Node.Run("app", _labels[i % LabelSets].Labels.ToString());
            }
        });
        await UntilAsync(() => _agents.TrueForAll(agent => KnownTo(agent.Node) == endpoints * (nodes - 1)), () => string.Join(' ', _agents.Select(agent => KnownTo(agent.Node))));
        Say("all nodes and their endpoints told and heard", $"{took.Elapsed.TotalSeconds:F0} s ({nodes - agents} announcers, {agents} agents in memory, {endpoints} endpoints each)");
    }

    internal async Task MeasureAsync(int starts)
    {
        await Task.Delay(TimeSpan.FromSeconds(5)); // what the making left to do
        await TimeAsync("of known labels", starts, i => _labels[i % LabelSets].Labels.ToString());
        await TimeAsync("of labels nobody had", starts, i => $"container:new=n{i}");

        var took = Stopwatch.StartNew();
        _agents[0].Node.Restart();
        await UntilAsync(() => _agents[0].Node.Desk.State.IsConnected, () => $"{_agents[0].Node.Desk.State}");
        Say("an agent in memory restarts until it is consistent", $"{took.Elapsed.TotalMilliseconds:F0} ms (aim: at most 2000)");
    }

    /// <summary>A container of known labels starts on a node; its address.</summary>
    internal async Task<IPAddress> StartOneAsync(string node)
    {
        Announcer announcer = _announcers.First(announcer => announcer.Name == node);
        return await announcer.TellAsync(endpoints + _started++, _labels[0].Identity);
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((TestNode node, CountingStore store) in _agents)
        {
            node.Dispose();
            await store.DisposeAsync();
        }

        await Task.WhenAll(_announcers.Select(announcer => announcer.DisposeAsync().AsTask()));
        await _store.DisposeAsync();
    }

    private static void Say(string what, string figure) => Console.WriteLine($"{what,-62} {figure}");

    private static int KnownTo(TestNode node) => node.World.Cluster?.Others.Sum(other => node.World.Cluster.Endpoints.GetValueOrDefault(other.Name)?.Count ?? 0) ?? 0;

    private static async Task UntilAsync(Func<bool> isSo, Func<string> what)
    {
        var waited = Stopwatch.StartNew();
        while (!isSo())
        {
            if (waited.Elapsed > _patience)
            {
                throw new TimeoutException(what());
            }

            await Task.Delay(2);
        }
    }

    /// <summary>Containers start one after another on agents in turn: until every agent's datapath has the address, and every announcer has
    /// heard of it.</summary>
    private async Task TimeAsync(string labels, int starts, Func<int, string> labelsOf)
    {
        List<double> agentsTook = [], allTook = [];
        long before = _agents.Sum(agent => agent.Store.Requests);
        TimeSpan worked = Environment.CpuUsage.TotalTime;
        for (int i = 0; i < starts; i++)
        {
            (TestNode who, _) = _agents[i % _agents.Count];
            long began = Stopwatch.GetTimestamp();
            Endpoint endpoint = who.Run("app", labelsOf(i));
            IpPrefix address = IpPrefix.Single(endpoint.Ipv4!);
            await UntilAsync(() => _agents.TrueForAll(agent => agent.Node == who || agent.Node.Host.Ipcache.ContainsKey(address)), () => $"{address} is not known");
            agentsTook.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            string key = ClusterKeys.Endpoint(who.Name, endpoint.ExternalId);
            await UntilAsync(() => _announcers.TrueForAll(announcer => announcer.Heard.ContainsKey(key)), () => $"{key} is not heard");
            allTook.Add(Math.Max(agentsTook[^1], _announcers.Max(announcer => Stopwatch.GetElapsedTime(began, announcer.Heard[key]).TotalMilliseconds)));
        }

        worked = Environment.CpuUsage.TotalTime - worked;
        double requests = _agents.Sum(agent => agent.Store.Requests) - before;
        Say($"container {labels}: known in every agent's datapath", $"median {At(agentsTook, 0.5):F0} ms, p99 {At(agentsTook, 0.99):F0} ms");
        Say($"container {labels}: heard by all {nodes} nodes", $"median {At(allTook, 0.5):F0} ms, p99 {At(allTook, 0.99):F0} ms (aim: at most 1000)");
        Say($"container {labels}: requests to etcd per start", $"{requests / starts:F1} (aim: at most 4)");
        Say($"container {labels}: processor time per start, of all nodes", $"{worked.TotalMilliseconds / starts:F0} ms ({worked.TotalMilliseconds / starts / nodes:F1} ms each)");
    }

    private static double At(List<double> all, double part) => all.Order().ElementAt((int)Math.Min(all.Count - 1, Math.Floor(all.Count * part)));
}
