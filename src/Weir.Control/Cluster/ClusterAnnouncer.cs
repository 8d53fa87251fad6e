// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>Tells the other nodes of this one: that it is there, which endpoints it has, which identities it uses; and takes
/// blocks and numbers that it needs.</summary>
internal sealed class ClusterAnnouncer : IDisposable
{
    private readonly Writer _writer;
    private readonly IKeyValues _shared;
    private readonly ClusterOptions _options;
    private readonly NodeRecord _node;
    private readonly TimeProvider _time;
    private readonly NodeLease _lease;
    private readonly NumberCollector _numbers;
    private readonly BlockKeeper _blocks;
    private readonly SemaphoreSlim _changed = new(0);

    /// <param name="instance">Outlives restarts of the agent.</param>
    internal ClusterAnnouncer(Writer writer, IKeyValues shared, ClusterOptions options, string instance, string version, TimeProvider time)
    {
        _writer = writer;
        _shared = shared;
        _options = options;
        _time = time;
        _node = new NodeRecord(options.Name, options.Address, options.OtherAddress, instance, version, time.GetUtcNow(), 0, Way: options.Way, Door: options.Door);
        _lease = new NodeLease(shared, options, _node, time);
        _numbers = new NumberCollector(shared, options, time);
        _blocks = new BlockKeeper(writer, shared, options.Name, time, HeardAsync);
        writer.Changed += OnChanged;
    }

    public void Dispose()
    {
        _writer.Changed -= OnChanged;
        _changed.Dispose();
    }

    /// <summary>Goes on until it fails or is cancelled.</summary>
    /// <param name="answered">Called whenever the shared store has answered.</param>
    /// <param name="heard">Called on the writer's thread when this node has heard all that it told: <see cref="World.Telling"/> is empty.</param>
    internal async Task AnnounceAsync(Action answered, Action heard, CancellationToken cancel)
    {
        (long lease, long revision) = await _lease.RegisterAsync(Wanted(_writer.World)[ClusterKeys.Node(_options.Name)], cancel);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // What there is to say may take long where the store is slow: the lease does not wait for it.
        Task[] both = [_lease.KeepAsync(lease, answered, either.Token), TellAsync(revision, answered, heard, either.Token)];
        Task ended = await Task.WhenAny(both);
        await either.CancelAsync();
        await Task.WhenAll(both).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ended;
    }

    private async Task TellAsync(long registered, Action answered, Action heard, CancellationToken cancel)
    {
        await HeardAsync(registered, cancel);
        answered();
        while (true)
        {
            World world = _writer.World;
            ClusterView view = world.Cluster ?? ClusterView.Empty;
            if (!view.Alive.Contains(_options.Name))
            {
                throw new StoreException("the shared store has lost that this node is alive");
            }

            if (await NumberAsync(world, cancel) || await _blocks.TakeAsync(world, cancel) || await GrowTablesAsync(world, cancel) || await TellAsync(Told(view), Wanted(world), cancel))
            {
                continue;
            }

            if (!world.Telling.IsEmpty)
            {
                await _writer.RunAsync(() =>
                {
                    _writer.Publish(now => now with { Telling = now.Telling.Clear() });
                    heard();
                });
            }

            await _numbers.CollectAsync(view, cancel);
            await _blocks.ReturnAsync(world, cancel);
            await WaitAsync(_options.TimeToLive / 3, cancel);
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
        await _changed.WaitAsync(most, cancel);
    }

    /// <summary>What is said of this node in the shared store, by whomever: an agent before this one, or a backup that was restored.</summary>
    private Dictionary<string, byte[]> Told(ClusterView view)
    {
        Dictionary<string, byte[]> told = [];
        foreach ((string id, EndpointRecord endpoint) in view.Endpoints.GetValueOrDefault(_options.Name, []))
        {
            told[ClusterKeys.Endpoint(_options.Name, id)] = Bytes(endpoint, ClusterContext.Default.EndpointRecord);
        }

        foreach (Identity used in view.Uses.Where(use => use.Value.Contains(_options.Name)).Select(use => use.Key))
        {
            told[ClusterKeys.Use(used, _options.Name)] = "1"u8.ToArray();
        }

        foreach ((string service, HealthRecord health) in view.Health.GetValueOrDefault(_options.Name, []))
        {
            told[ClusterKeys.HealthBy(_options.Name, service)] = Bytes(health, ClusterContext.Default.HealthRecord);
        }

        // What cannot be read is told anew, or taken back.
        string[] own = [ClusterKeys.EndpointsOf(_options.Name), ClusterKeys.HealthOf(_options.Name)];
        foreach (string broken in view.Faults.Keys.Where(key => own.Any(folder => key.StartsWith(folder, StringComparison.Ordinal))))
        {
            told[broken] = [];
        }

        told[ClusterKeys.Node(_options.Name)] = view.Nodes.TryGetValue(_options.Name, out NodeRecord? self) ? Bytes(self, ClusterContext.Default.NodeRecord) : [];
        return told;
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
                    Bytes(new EndpointRecord(endpoint.Name, endpoint.Identity, network, [.. endpoint.Addresses], endpoint.Aliases), ClusterContext.Default.EndpointRecord);
            }
        }

        foreach (Identity identity in LabelsInUse(world).Select(labels => world.Cluster?.Identities.GetValueOrDefault(labels)?.Identity).OfType<Identity>().Distinct())
        {
            wanted[ClusterKeys.Use(identity, _options.Name)] = "1"u8.ToArray();
        }

        foreach ((string service, HealthRecord health) in SharedHealth.Of(world))
        {
            wanted[ClusterKeys.HealthBy(_options.Name, service)] = Bytes(health, ClusterContext.Default.HealthRecord);
        }

        wanted[ClusterKeys.Node(_options.Name)] = Bytes(
            _node with
            {
                Endpoints = count,
                PolicyRevision = world.SharedPolicy.Revision,
                PolicyProblem = world.SharedPolicy.Problem,
                ServicesRevision = world.SharedServices.Revision,
                ServiceProblems = SharedServices.Told(world.SharedServices.Problems),
            },
            ClusterContext.Default.NodeRecord);
        return wanted;
    }

    private static IEnumerable<LabelSet> LabelsInUse(World world) =>
        world.Attached.Where(endpoint => endpoint.WorkloadId is not null).Select(endpoint => endpoint.Labels).Distinct();

    /// <returns>Whether there was anything to tell: then look again.</returns>
    private async Task<bool> TellAsync(Dictionary<string, byte[]> told, Dictionary<string, byte[]> wanted, CancellationToken cancel)
    {
        (string Key, byte[]? Value)[] changes =
        [
            .. wanted.Where(one => !told.TryGetValue(one.Key, out byte[]? known) || !known.AsSpan().SequenceEqual(one.Value)).Select(one => (one.Key, (byte[]?)one.Value)),
            .. told.Keys.Where(key => !wanted.ContainsKey(key)).Select(key => (key, (byte[]?)null)),
        ];
        KeyValuePair<string, EndpointRecord>[] telling = [.. changes.Select(Telling).OfType<KeyValuePair<string, EndpointRecord>>()];
        if (telling.Length > 0)
        {
            // Before it is on its way: whether it arrives, nobody may ever say.
            await _writer.RunAsync(() => _writer.Publish(world => world with { Telling = world.Telling.SetItems(telling) }));
        }

        long revision = 0;
        foreach ((string Key, byte[]? Value)[] some in changes.Chunk(ClusterDesk.MostOperations))
        {
            var transaction = new Transaction();
            foreach ((string key, byte[]? value) in some)
            {
                _ = value is null ? transaction.Delete(key) : transaction.Put(key, value);
            }

            revision = (await _shared.CommitAsync(transaction, cancel)).Revision;
        }

        await HeardAsync(revision, cancel);
        return changes.Length > 0;
    }

    /// <summary>The endpoint that a change tells of; null: none.</summary>
    private KeyValuePair<string, EndpointRecord>? Telling((string Key, byte[]? Value) change)
    {
        string own = ClusterKeys.EndpointsOf(_options.Name);
        return change.Value is { } value && change.Key.StartsWith(own, StringComparison.Ordinal)
            ? new(change.Key[own.Length..], JsonSerializer.Deserialize(value, ClusterContext.Default.EndpointRecord)!)
            : null;
    }

    /// <summary>Gets numbers for label sets of this node that have none, and says that it uses those that it begins to use:
    /// in one transaction with the number's record, so that nobody collects it meanwhile.</summary>
    /// <returns>Whether there were any: then look again.</returns>
    private async Task<bool> NumberAsync(World world, CancellationToken cancel)
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
                transaction.IfUnchanged(key, now.ModRevision).Put(key, now.Value).Put(ClusterKeys.Use(record.Identity, _options.Name), "1"u8.ToArray());
            }
            else
            {
                // What an etcd that was put back to a backup has lost stays what it was.
                Identity number = known?.Identity ?? (world.NumbersOfLabels.TryGetValue(labels, out Identity had) && had.IsOfCluster && !view.Numbers.Contains(had) ? had : NextFree(view, world));
                transaction.IfUnchanged(key, now?.ModRevision ?? 0).IfAbsent(ClusterKeys.Number(number))
                    .Put(key, Bytes(new IdentityRecord(number, labels), ClusterContext.Default.IdentityRecord))
                    .Put(ClusterKeys.Number(number), "1"u8.ToArray())
                    .Put(ClusterKeys.Use(number, _options.Name), "1"u8.ToArray());
            }

            TransactionResult result = await _shared.CommitAsync(transaction, cancel);
            await HeardAsync(result.Revision, cancel);
            any = true;
        }

        return any;
    }

    /// <summary>Each node begins at a place of its own, so that those that start together seldom meet.</summary>
    private static Identity NextFree(ClusterView view, World world)
    {
        const uint Room = 0x00ffffff - Identity.FirstOfCluster + 1;
        uint highest = view.Numbers.Count == 0 ? Identity.FirstOfCluster - 1 : view.Numbers.Max.Value;
        uint ahead = (uint)Random.Shared.Next(1, 2 + (4 * view.Nodes.Count));
        uint number = Identity.FirstOfCluster + ((highest + ahead - Identity.FirstOfCluster) % Room);
        while (view.Numbers.Contains(new Identity(number)) || world.Identities.ContainsKey(new Identity(number)))
        {
            number = Identity.FirstOfCluster + ((number + 1 - Identity.FirstOfCluster) % Room);
        }

        return new Identity(number);
    }

    /// <summary>Tells how large a service's tables are here, where no node had them as large: whoever comes later makes the same.</summary>
    /// <returns>Whether it told of any: then look again.</returns>
    private async Task<bool> GrowTablesAsync(World world, CancellationToken cancel)
    {
        ClusterView view = world.Cluster ?? ClusterView.Empty;
        bool any = false;
        foreach (Service service in world.Services.Values.Where(service => !service.IsPublished && view.Services.ContainsKey(service.Name)))
        {
            TableSize known = view.Tables.GetValueOrDefault(service.Name, TableSize.None), size = TableSize.Of(service).Max(known);
            if (size == known)
            {
                continue;
            }

            string key = ClusterKeys.Table(service.Name);
            KeyValue? now = await _shared.GetAsync(key, cancel);
            KeyValue? itself = await _shared.GetAsync(ClusterKeys.Service(service.Name), cancel);
            if (itself is null)
            {
                continue; // it is deleted just now
            }

            size = now is null ? size : size.Max(ClusterView.Empty.With(new RevisionChanges(0, [new Change(key, now, null)])).Tables.GetValueOrDefault(service.Name, TableSize.None));
            TransactionResult result = await _shared.CommitAsync(
                new Transaction().IfUnchanged(key, now?.ModRevision ?? 0).IfUnchanged(itself.Key, itself.ModRevision).Put(key, Bytes(new TableRecord(size.Ipv4, size.Ipv6), ClusterContext.Default.TableRecord)), cancel);
            await HeardAsync(result.Revision, cancel);
            any = true;
        }

        return any;
    }

    /// <summary>Until this node has heard what was so at a revision; what it decides next would be about the past.</summary>
    private async Task HeardAsync(long revision, CancellationToken cancel)
    {
        long began = _time.GetTimestamp();
        while ((_writer.World.Cluster?.Revision ?? 0) < revision)
        {
            if (_time.GetElapsedTime(began) > _options.TimeToLive)
            {
                throw new StoreException($"the shared store does not tell of revision {revision}");
            }

            await WaitAsync(TimeSpan.FromMilliseconds(100), cancel);
        }
    }

    private static byte[] Bytes<T>(T record, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(record, type);
}
