// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;
using Weir.Control.Endpoints;
using Weir.Control.Identities;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>Takes in what the other nodes of the cluster say, and tells them of this one. While the shared store is away, what
/// was heard last stays in force.</summary>
internal sealed class ClusterSource : IDisposable
{
    private const int MostNodes = 4095; // slots of weir_node; slot 0 is nobody's

    private static readonly TimeSpan _first = TimeSpan.FromMilliseconds(200);
    /// <summary>A change that is under way is not cut off by being cancelled: an agent that stops waits so long for it.</summary>
    private static readonly TimeSpan _ending = TimeSpan.FromMilliseconds(500);

    private readonly Writer _writer;
    private readonly IKeyValues _shared;
    private readonly IdentityAllocator _identities;
    private readonly EndpointManager _endpoints;
    private readonly Reconciler _reconciler;
    private readonly ClusterAnnouncer _announcer;
    private readonly ClusterMemory _memory;
    private readonly SharedPolicy _policy;
    private readonly SharedServices _services;
    private readonly Func<IPAddress, bool> _isOnLink;
    private readonly Action _follow;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly string _name;
    private readonly TimeSpan _timeToLive;
    private readonly TimeSpan _longest;
    private readonly Contact _following;
    private ClusterView? _before; // what nodes are given time to say again
    private volatile ImmutableDictionary<string, long> _silent = ImmutableDictionary<string, long>.Empty;
    private readonly Contact _announcing;
    private Task _work = Task.CompletedTask;

    /// <param name="isOnLink">Whether an address is on one segment with this host.</param>
    /// <param name="follow">Called on the writer's thread after something changed.</param>
    internal ClusterSource(
        Writer writer, IKeyValues shared, ClusterOptions options, IdentityAllocator identities, EndpointManager endpoints, Reconciler reconciler, ClusterAnnouncer announcer, ClusterMemory memory, SharedPolicy policy, SharedServices services, Func<IPAddress, bool> isOnLink, Action follow, TimeProvider time, ILogger log)
    {
        _writer = writer;
        _shared = shared;
        _name = options.Name;
        _timeToLive = options.TimeToLive;
        _longest = options.TimeToLive / 4; // so that a node is heard again, and has said again what was lost, within a lease
        _identities = identities;
        _endpoints = endpoints;
        _reconciler = reconciler;
        _announcer = announcer;
        _memory = memory;
        _policy = policy;
        _services = services;
        _isOnLink = isOnLink;
        _follow = follow;
        _time = time;
        _log = log;
        // A stream of changes is silent where nothing changes: that the store is there, the lease tells.
        _following = new Contact(time, TimeSpan.MaxValue);
        _announcing = new Contact(time, options.TimeToLive / 2);
    }

    internal ClusterState State => _following.State is { IsConnected: false } state ? state : _announcing.State;

    /// <summary>For how long a node has not been heard; null: it is alive. After a restart, for as long as this agent knows.</summary>
    internal TimeSpan? SilenceOf(string node) => _silent.TryGetValue(node, out long since) ? _time.GetElapsedTime(since) : null;

    internal void Start() => _work = Task.WhenAll(Task.Run(() => RunAsync(FollowAsync, _following)), Task.Run(() => RunAsync(AnnounceAsync, _announcing)));

    /// <summary>This node keeps its lease: to the others it is as if the agent restarted.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        if (Task.WhenAny(_work, Task.Delay(_ending)).GetAwaiter().GetResult() == _work)
        {
            _stop.Dispose();
        }
    }

    /// <summary>Does it again when it failed, later and later.</summary>
    private async Task RunAsync(Func<CancellationToken, Task> work, Contact contact)
    {
        TimeSpan pause = _first;
        while (!_stop.IsCancellationRequested)
        {
            long began = _time.GetTimestamp();
            try
            {
                await work(_stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever is wrong with the shared store, this node goes on and tries again.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (contact.Failed(e.Message))
                {
                    Log.ClusterLost(_log, e.Message);
                }
            }

            pause = _time.GetElapsedTime(began) > _longest ? _first : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, _longest.Ticks));
            // Not all nodes at the same moment.
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>What was heard by an agent before this one. Called on the writer's thread, before anything else is changed.</summary>
    internal void Recall()
    {
        var view = ClusterView.Of(_memory.Listing, _name);
        _writer.Publish(world => world with { Cluster = view, NodeNumbers = Numbered(world.NodeNumbers, view), OnLink = OnLink(view) });
    }

    /// <summary>Ends only by failing: what was told while the store was away, or before it was compacted, is listed anew.</summary>
    private async Task FollowAsync(CancellationToken cancel)
    {
        Listing listing = await _shared.ListAsync("", 0, cancel);
        using var told = new Untaken(ClusterView.Of(listing, _name));
        await AcceptAsync(told, () =>
        {
            _memory.Keep(listing);
            _before = _writer.World.Cluster;
        });
        _following.Answered();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task[] all = [WatchAsync(told, either.Token), TakeInAsync(told, either.Token), LetGoAsync(told, either.Token)];
        Task ended = await Task.WhenAny(all);
        await either.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ended;
    }

    /// <summary>What was known before a listing and is not in it, its nodes have said again by then, or it is no more.</summary>
    private async Task LetGoAsync(Untaken told, CancellationToken cancel)
    {
        await Task.Delay(_timeToLive, _time, cancel);
        await AcceptAsync(told, () => _before = null);
        await Task.Delay(Timeout.Infinite, cancel);
    }

    private Task AnnounceAsync(CancellationToken cancel) => _announcer.AnnounceAsync(
        () =>
        {
            _following.Stays();
            if (_announcing.Answered())
            {
                Log.ClusterHeard(_log, _writer.World.Cluster?.Nodes.Count ?? 0);
            }
        },
        () => Settle(_writer.World.Cluster!),
        cancel);

    private async Task WatchAsync(Untaken told, CancellationToken cancel)
    {
        await foreach (RevisionChanges changes in _shared.WatchAsync("", told.View.Revision + 1, cancel))
        {
            told.Add(changes);
        }

        throw new StoreException("the shared store ended the watch");
    }

    /// <summary>What comes while something is taken in is taken in together.</summary>
    private async Task TakeInAsync(Untaken told, CancellationToken cancel)
    {
        while (true)
        {
            IReadOnlyCollection<(string, KeyValue?)> changes = await told.TakeAsync(cancel);
            await AcceptAsync(told, () =>
            {
                _memory.Keep(changes);
                _before = _before?.With(new RevisionChanges(0, [.. changes.Where(change => change.Item2 is null).Select(change => new Change(change.Item1, null, null))]));
            });
        }
    }

    private Task AcceptAsync(Untaken told, Action keep) => _writer.RunAsync(() =>
    {
        keep();
        ClusterView? before = _writer.World.Cluster;
        ClusterView view = _before is { } kept ? told.View.Keeping(kept) : told.View;
        _identities.Follow(view.Identities);
        _writer.Publish(world => world with { Cluster = view, NodeNumbers = Numbered(world.NodeNumbers, view), OnLink = OnLink(view) });
        _silent = view.Nodes.Keys.Where(name => !view.Alive.Contains(name)).ToImmutableDictionary(name => name, name => _silent.GetValueOrDefault(name, _time.GetTimestamp()));
        _reconciler.Converge();
        _policy.Follow(view);
        _services.Follow(view);
        Settle(view);
        _follow();
        foreach ((string key, string fault) in view.Faults.Where(fault => before?.Faults.GetValueOrDefault(fault.Key) != fault.Value))
        {
            Log.SharedRecordBroken(_log, key, fault);
        }
    });

    private void Settle(ClusterView view) => _endpoints.Settle(
        labels => view.Identities.GetValueOrDefault(labels) is { } known && view.Uses.GetValueOrDefault(known.Identity, []).Contains(_name) ? known.Identity : null);

    /// <summary>The host's addresses or routes changed: nodes may be on other segments. Called on the writer's thread.</summary>
    internal void LookAgain()
    {
        if (_writer.World.Cluster is { } view)
        {
            _writer.Publish(world => OnLink(view) is var now && world.OnLink.SetEquals(now) ? world : world with { OnLink = now });
        }
    }

    private ImmutableHashSet<IPAddress> OnLink(ClusterView view) => [.. view.Others.Select(node => node.Address).Where(_isOnLink)];

    /// <summary>A node keeps its number as long as there is room: the datapath speaks of it.</summary>
    private static ImmutableDictionary<IPAddress, ushort> Numbered(ImmutableDictionary<IPAddress, ushort> known, ClusterView view)
    {
        IPAddress[] come = [.. view.Others.Select(node => node.Address).Distinct().Where(address => !known.ContainsKey(address))];
        if (come.Length + known.Count > MostNodes)
        {
            HashSet<IPAddress> present = [.. view.Others.Select(node => node.Address)];
            known = known.RemoveRange(known.Keys.Where(address => !present.Contains(address)));
        }

        HashSet<ushort> taken = [.. known.Values];
        ushort next = 1;
        foreach (IPAddress address in come.Take(MostNodes - known.Count))
        {
            while (!taken.Add(next))
            {
                next++;
            }

            known = known.Add(address, next);
        }

        return known;
    }
}
