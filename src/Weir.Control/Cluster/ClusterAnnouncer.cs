// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>Tells the other nodes of this one: that it is there, which endpoints it has, which identities it uses; and takes
/// blocks and numbers that it needs. All but blocks and numbers is under a lease.</summary>
internal sealed class ClusterAnnouncer : IDisposable
{
    /// <summary>etcd takes 128 operations, comparisons among them.</summary>
    private const int MostOperations = 60;

    private readonly Writer _writer;
    private readonly IKeyValues _shared;
    private readonly ClusterOptions _options;
    private readonly NodeRecord _node;
    private readonly TimeProvider _time;
    private readonly TimeSpan _grace;
    private readonly Dictionary<Identity, DateTimeOffset> _unusedSince = []; // as the first of the nodes
    private readonly SemaphoreSlim _changed = new(0);

    /// <param name="instance">Outlives restarts of the agent.</param>
    internal ClusterAnnouncer(Writer writer, IKeyValues shared, ClusterOptions options, string instance, string version, TimeProvider time)
    {
        _writer = writer;
        _shared = shared;
        _options = options;
        _time = time;
        _grace = options.UnusedFor;
        _node = new NodeRecord(options.Name, options.Address, options.OtherAddress, instance, version, time.GetUtcNow(), 0, Way: options.Way);
        writer.Changed += OnChanged;
    }

    public void Dispose()
    {
        _writer.Changed -= OnChanged;
        _changed.Dispose();
    }

    /// <summary>Goes on until it fails or is cancelled.</summary>
    /// <param name="listing">What the shared store had a moment ago.</param>
    internal async Task AnnounceAsync(Listing listing, CancellationToken cancel)
    {
        long lease = await _shared.GrantLeaseAsync(_options.TimeToLive, cancel);
        await RegisterAsync(listing.Records.FirstOrDefault(record => record.Key == ClusterKeys.Node(_options.Name)), lease, cancel);

        // What an earlier agent told is told again under this lease, or taken back.
        Dictionary<string, byte[]> told = listing.Records.Where(record => IsOwn(record.Key)).ToDictionary(record => record.Key, _ => Array.Empty<byte>());
        DateTimeOffset kept = _time.GetUtcNow();
        while (true)
        {
            World world = _writer.World;
            Dictionary<string, byte[]> wanted = Wanted(world);
            if (await NumberAsync(world, wanted, lease, cancel) || await TakeBlocksAsync(world, cancel))
            {
                continue;
            }

            await TellAsync(told, wanted, lease, cancel);
            if (_time.GetUtcNow() - kept >= _options.TimeToLive / 3)
            {
                await _shared.KeepAliveAsync(lease, cancel);
                kept = _time.GetUtcNow();
                await CollectAsync(_writer.World.Cluster ?? ClusterView.Empty, cancel);
            }

            await WaitAsync(kept + (_options.TimeToLive / 3) - _time.GetUtcNow(), cancel);
        }
    }

    private void OnChanged()
    {
        try
        {
            if (_changed.CurrentCount == 0)
            {
                _changed.Release();
            }
        }
        catch (ObjectDisposedException)
        {
            // Told while this ends; the change is not to fail for that.
        }
    }

    private async Task WaitAsync(TimeSpan most, CancellationToken cancel)
    {
        if (most > TimeSpan.Zero)
        {
            await _changed.WaitAsync(most, cancel);
        }
    }

    private bool IsOwn(string key) => key.StartsWith(ClusterKeys.EndpointsOf(_options.Name), StringComparison.Ordinal)
        || (key.StartsWith(ClusterKeys.Uses, StringComparison.Ordinal) && key.EndsWith("/" + _options.Name, StringComparison.Ordinal));

    private async Task RegisterAsync(KeyValue? known, long lease, CancellationToken cancel)
    {
        if (known is not null && JsonSerializer.Deserialize(known.Value.Span, ClusterContext.Default.NodeRecord) is { } other && other.Instance != _node.Instance)
        {
            throw new ControlException($"a node named \"{_options.Name}\" is there already, with the address {other.Address}: give this one another node-name");
        }

        TransactionResult registered = await _shared.CommitAsync(
            new Transaction().IfUnchanged(ClusterKeys.Node(_options.Name), known?.ModRevision ?? 0).Put(ClusterKeys.Node(_options.Name), Bytes(_node, ClusterContext.Default.NodeRecord), lease), cancel);
        if (!registered.Succeeded)
        {
            throw new ControlException($"another node registers as \"{_options.Name}\" at the same time");
        }
    }

    /// <summary>What the others should hear now, by key.</summary>
    private Dictionary<string, byte[]> Wanted(World world)
    {
        Dictionary<string, byte[]> wanted = [];
        int count = 0;
        foreach (Endpoint endpoint in world.Attached.Where(endpoint => endpoint.State == EndpointState.Ready && endpoint.Identity.IsOfCluster))
        {
            count++;
            // The ranges of other networks may be another's elsewhere.
            if (world.Networks.GetValueOrDefault(endpoint.NetworkId)?.Shared is { } network)
            {
                wanted[ClusterKeys.Endpoint(_options.Name, endpoint.ExternalId)] =
                    Bytes(new EndpointRecord(endpoint.Name, endpoint.Identity, network, [.. endpoint.Addresses]), ClusterContext.Default.EndpointRecord);
            }
        }

        foreach (Identity identity in LabelsInUse(world).Select(labels => world.Cluster?.Identities.GetValueOrDefault(labels)?.Identity).OfType<Identity>().Distinct())
        {
            wanted[ClusterKeys.Use(identity, _options.Name)] = "1"u8.ToArray();
        }

        wanted[ClusterKeys.Node(_options.Name)] = Bytes(_node with { Endpoints = count, PolicyRevision = world.SharedPolicy.Revision, PolicyProblem = world.SharedPolicy.Problem }, ClusterContext.Default.NodeRecord);
        return wanted;
    }

    private static IEnumerable<LabelSet> LabelsInUse(World world) =>
        world.Attached.Where(endpoint => endpoint.WorkloadId is not null).Select(endpoint => endpoint.Labels).Distinct();

    private async Task TellAsync(Dictionary<string, byte[]> told, Dictionary<string, byte[]> wanted, long lease, CancellationToken cancel)
    {
        (string Key, byte[]? Value)[] changes =
        [
            .. wanted.Where(one => !told.TryGetValue(one.Key, out byte[]? known) || !known.AsSpan().SequenceEqual(one.Value)).Select(one => (one.Key, (byte[]?)one.Value)),
            .. told.Keys.Where(key => !wanted.ContainsKey(key)).Select(key => (key, (byte[]?)null)),
        ];
        foreach ((string Key, byte[]? Value)[] some in changes.Chunk(MostOperations))
        {
            var transaction = new Transaction();
            foreach ((string key, byte[]? value) in some)
            {
                _ = value is null ? transaction.Delete(key) : transaction.Put(key, value, lease);
            }

            await _shared.CommitAsync(transaction, cancel);
            foreach ((string key, byte[]? value) in some)
            {
                if (value is null)
                {
                    told.Remove(key);
                }
                else
                {
                    told[key] = value;
                }
            }
        }
    }

    /// <summary>Gets numbers for label sets of this node that have none, and says that it uses those that it begins to use:
    /// in one transaction with the number's record, so that nobody collects it meanwhile.</summary>
    /// <returns>Whether there were any: then look again.</returns>
    private async Task<bool> NumberAsync(World world, Dictionary<string, byte[]> wanted, long lease, CancellationToken cancel)
    {
        ClusterView view = world.Cluster ?? ClusterView.Empty;
        bool any = false;
        foreach (LabelSet labels in LabelsInUse(world))
        {
            ClusterView.NumberedLabels? known = view.Identities.GetValueOrDefault(labels);
            if (known is not null && view.Uses.GetValueOrDefault(known.Identity, []).Contains(_options.Name))
            {
                continue;
            }

            string key = ClusterKeys.Identity(labels);
            KeyValue? now = await _shared.GetAsync(key, cancel);
            var transaction = new Transaction();
            if (now is not null && JsonSerializer.Deserialize(now.Value.Span, ClusterContext.Default.IdentityRecord) is { } record)
            {
                transaction.IfUnchanged(key, now.ModRevision).Put(key, now.Value).Put(ClusterKeys.Use(record.Identity, _options.Name), "1"u8.ToArray(), lease);
            }
            else
            {
                Identity number = NextFree(view);
                transaction.IfUnchanged(key, now?.ModRevision ?? 0).IfAbsent(ClusterKeys.Number(number))
                    .Put(key, Bytes(new IdentityRecord(number, labels), ClusterContext.Default.IdentityRecord))
                    .Put(ClusterKeys.Number(number), "1"u8.ToArray())
                    .Put(ClusterKeys.Use(number, _options.Name), "1"u8.ToArray(), lease);
            }

            TransactionResult result = await _shared.CommitAsync(transaction, cancel);
            await HeardAsync(result.Revision, cancel);
            any = true;
        }

        return any;
    }

    /// <summary>The first of the nodes forgets numbers that nobody has used for long. Who begins to use one changes its record, so
    /// that of both only one succeeds.</summary>
    private async Task CollectAsync(ClusterView view, CancellationToken cancel)
    {
        if (view.Nodes.Keys.FirstOrDefault() != _options.Name)
        {
            _unusedSince.Clear();
            return;
        }

        DateTimeOffset now = _time.GetUtcNow();
        foreach (Identity used in _unusedSince.Keys.Where(view.Uses.ContainsKey).ToList())
        {
            _unusedSince.Remove(used);
        }

        foreach (ClusterView.NumberedLabels unused in view.Identities.Values.Where(known => !view.Uses.ContainsKey(known.Identity)))
        {
            if (!_unusedSince.TryAdd(unused.Identity, now) && now - _unusedSince[unused.Identity] > _grace)
            {
                string key = ClusterKeys.Identity(unused.Labels);
                await _shared.CommitAsync(new Transaction().IfUnchanged(key, unused.ModRevision).Delete(key).Delete(ClusterKeys.Number(unused.Identity)), cancel);
                _unusedSince.Remove(unused.Identity);
            }
        }
    }

    /// <summary>Each node begins at a place of its own, so that those that start together seldom meet.</summary>
    private static Identity NextFree(ClusterView view)
    {
        const uint Room = 0x00ffffff - Identity.FirstOfCluster + 1;
        uint highest = view.Numbers.Count == 0 ? Identity.FirstOfCluster - 1 : view.Numbers.Max.Value;
        uint ahead = (uint)Random.Shared.Next(1, 2 + (4 * view.Nodes.Count));
        uint number = Identity.FirstOfCluster + ((highest + ahead - Identity.FirstOfCluster) % Room);
        while (view.Numbers.Contains(new Identity(number)))
        {
            number = Identity.FirstOfCluster + ((number + 1 - Identity.FirstOfCluster) % Room);
        }

        return new Identity(number);
    }

    /// <summary>Takes a block of each shared network that has none of this node's, or hardly an address left in them.</summary>
    /// <returns>Whether it took any: then look again.</returns>
    private async Task<bool> TakeBlocksAsync(World world, CancellationToken cancel)
    {
        ClusterView view = world.Cluster ?? ClusterView.Empty;
        bool any = false;
        foreach ((string name, IpPrefix range) in view.Networks.Values.SelectMany(network => network.Ranges.Select(range => (network.Name, range))))
        {
            if (BlockPlan.Next(view, world, name, range, _options.Name) is not { } block)
            {
                continue;
            }

            string key = ClusterKeys.Block(name, block);
            TransactionResult result = await _shared.CommitAsync(
                new Transaction().IfAbsent(key).Put(key, Bytes(new BlockRecord(name, block, _options.Name), ClusterContext.Default.BlockRecord)), cancel);
            await HeardAsync(result.Revision, cancel);
            any = true;
        }

        return any;
    }

    /// <summary>Until this node has heard what was so at a revision; what it decides next would be about the past.</summary>
    private async Task HeardAsync(long revision, CancellationToken cancel)
    {
        DateTimeOffset patience = _time.GetUtcNow() + _options.TimeToLive;
        while ((_writer.World.Cluster?.Revision ?? 0) < revision)
        {
            if (_time.GetUtcNow() > patience)
            {
                throw new StoreException($"the shared store does not tell of revision {revision}");
            }

            await WaitAsync(TimeSpan.FromMilliseconds(100), cancel);
        }
    }

    private static byte[] Bytes<T>(T record, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(record, type);
}
