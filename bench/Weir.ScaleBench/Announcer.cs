// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control;
using Weir.Control.Cluster;
using Weir.Net;
using Weir.Policy;
using Weir.Store;
using Weir.Store.Etcd;

namespace Weir.ScaleBench;

/// <summary>A node as etcd sees it, with a connection, a lease and a watch of its own: it says what an agent says and hears all that an
/// agent hears, but makes nothing of it.</summary>
internal sealed class Announcer(Uri etcd, int number) : IAsyncDisposable
{
    private const int MostOperations = 60;
    private static readonly TimeSpan _timeToLive = ClusterOptions.UsualTimeToLive;

    private readonly CancellationTokenSource _end = new();
    private EtcdKeyValues _store = null!;
    private Task _work = Task.CompletedTask;

    internal static EtcdOptions Options(Uri etcd) => new() { Endpoints = [etcd.OriginalString], RequestTimeout = TimeSpan.FromSeconds(20), Retention = new Retention(2_000, 4 << 20) };

    internal string Name => $"sim{number:d3}";

    /// <summary>When each key of an endpoint was heard.</summary>
    internal ConcurrentDictionary<string, long> Heard { get; } = new();

    internal async Task StartAsync(IReadOnlyList<(Identity Identity, LabelSet Labels)> labels, int endpoints)
    {
        _store = await EtcdKeyValues.ConnectAsync(Options(etcd), NullLogger.Instance);
        var node = new NodeRecord(Name, new IPAddress([10, 50, 1, (byte)number]), null, Name, "bench", DateTimeOffset.UtcNow, endpoints);
        long lease = await _store.GrantLeaseAsync(_timeToLive);
        IpPrefix block = IpPrefix.Parse($"10.40.{number}.0/24");
        List<(string Key, byte[] Value, long Lease)> records =
        [
            (ClusterKeys.AliveOf(Name), "x"u8.ToArray(), lease), (ClusterKeys.Node(Name), Bytes(node, ClusterContext.Default.NodeRecord), 0),
            (ClusterKeys.Block("app", block), Bytes(new BlockRecord("app", block, Name), ClusterContext.Default.BlockRecord), 0),
        ];
        for (int i = 0; i < endpoints; i++)
        {
            Identity identity = labels[((number * endpoints) + i) % labels.Count].Identity;
            // As long as Docker's.
            records.Add((ClusterKeys.Endpoint(Name, $"{number:x8}{i:x56}"), Endpoint(i, identity), 0));
            records.Add((ClusterKeys.Use(identity, Name), "1"u8.ToArray(), 0));
        }

        foreach ((string, byte[], long)[] some in records.DistinctBy(record => record.Key).Chunk(MostOperations))
        {
            var transaction = new Transaction();
            foreach ((string key, byte[] value, long under) in some)
            {
                transaction.Put(key, value, under);
            }

            await _store.CommitAsync(transaction);
        }

        _work = Task.WhenAll(FollowAsync(), KeepAsync(lease));
    }

    /// <summary>A container starts here, of known labels.</summary>
    internal async Task<IPAddress> TellAsync(int i, Identity identity)
    {
        await _store.CommitAsync(new Transaction().Put(ClusterKeys.Endpoint(Name, $"{number:x8}{i:x56}"), Endpoint(i, identity)));
        return AddressOf(i);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _store.DisposeAsync();
        _end.Dispose();
    }

    private IPAddress AddressOf(int i) => new([10, 40, (byte)number, (byte)(i + 2)]);

    private byte[] Endpoint(int i, Identity identity) => Bytes(new EndpointRecord($"{Name}-{i}", identity, "app", [AddressOf(i)]), ClusterContext.Default.EndpointRecord);

    private async Task FollowAsync()
    {
        await foreach (RevisionChanges told in _store.WatchAsync("", 0, _end.Token))
        {
            foreach (Change change in told.Changes.Where(change => change.Key.StartsWith(ClusterKeys.Endpoints, StringComparison.Ordinal)))
            {
                Heard[change.Key] = Stopwatch.GetTimestamp();
            }
        }
    }

    private async Task KeepAsync(long lease)
    {
        while (true)
        {
            await Task.Delay(_timeToLive / 3 * (0.8 + (0.2 * Random.Shared.NextDouble())), _end.Token);
            await _store.KeepAliveAsync(lease, _end.Token);
        }
    }

    internal static byte[] Bytes<T>(T record, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(record, type);
}
