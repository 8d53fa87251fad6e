// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Identities;

/// <summary>One number for every label set, and one for every prefix that policy names. Called on the writer's
/// thread.</summary>
internal sealed class IdentityAllocator
{
    private const string Folder = "identities";
    private const uint LastAllocated = Identity.FirstOfCluster - 1;
    private const uint CidrNumbers = 0x00ffffff;

    /// <summary>How long a number waits for its labels to come back before it is forgotten.</summary>
    private static readonly TimeSpan _grace = TimeSpan.FromMinutes(10);

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly TimeProvider _time;
    private readonly Dictionary<Identity, DateTimeOffset> _unusedSince = [];
    private uint _last = Identity.FirstAllocated - 1;
    private uint _lastCidr;
    private ImmutableDictionary<LabelSet, ClusterView.NumberedLabels>? _followed;

    internal IdentityAllocator(Writer writer, IStore store, TimeProvider time)
    {
        _writer = writer;
        _store = store;
        _time = time;
        foreach (LabelIdentity kept in store.List(Folder, StateContext.Default.LabelIdentity).OrderBy(kept => kept.Identity))
        {
            Publish(kept);
        }
    }

    /// <summary>Prefixes with a number of their own.</summary>
    internal ImmutableDictionary<IpPrefix, Identity> Cidrs => _writer.World.Cidrs;

    internal Identity? FindCidr(IpPrefix prefix) => Cidrs.TryGetValue(prefix.Masked, out Identity identity) ? identity : null;

    /// <summary>The number that a label set has on all nodes, or on this host if it is by itself; null: the others have to be
    /// asked first.</summary>
    internal Identity? Find(LabelSet labels, bool isInCluster) =>
        _writer.World.NumbersOfLabels.TryGetValue(labels, out Identity known) && (known.IsOfCluster || !isInCluster) ? known : isInCluster ? null : Acquire(labels, out _);

    /// <summary>The number of a label set.</summary>
    /// <param name="isNew">Policy has to be compiled for it.</param>
    /// <param name="before">Its number as an endpoint's record tells it, where its own record may be lost: maps speak of it.</param>
    internal Identity Acquire(LabelSet labels, out bool isNew, Identity? before = null)
    {
        isNew = !_writer.World.NumbersOfLabels.TryGetValue(labels, out Identity identity);
        if (isNew)
        {
            Identity number = before is { IsLabelSet: true } known && !_writer.World.Identities.ContainsKey(known) ? known : NextFree();
            var kept = new LabelIdentity(number, labels);
            _store.Put($"{Folder}/{kept.Identity.Value}", kept, StateContext.Default.LabelIdentity);
            Publish(kept);
            identity = kept.Identity;
        }

        // Nobody has it yet.
        _unusedSince.Remove(identity);
        return identity;
    }

    /// <summary>Takes in the numbers that label sets have on all nodes. A number of this host's own, which the same labels had
    /// before, waits until nobody has it.</summary>
    internal void Follow(ImmutableDictionary<LabelSet, ClusterView.NumberedLabels> cluster)
    {
        if (ReferenceEquals(cluster, _followed))
        {
            return;
        }

        World world = _writer.World;
        HashSet<Identity> used = [.. world.Endpoints.Values.Select(endpoint => endpoint.Identity)];
        LabelIdentity[] come = [.. cluster.Values.Where(one => !world.Identities.TryGetValue(one.Identity, out LabelSet? known) || !known.Equals(one.Labels)
            || world.NumbersOfLabels.GetValueOrDefault(one.Labels) != one.Identity).Select(one => new LabelIdentity(one.Identity, one.Labels))];
        HashSet<Identity> present = [.. cluster.Values.Select(one => one.Identity)];
        (Identity Identity, LabelSet Labels)[] gone = [.. world.Identities.Where(known => known.Key.IsOfCluster && !present.Contains(known.Key) && !used.Contains(known.Key)).Select(known => (known.Key, known.Value))];
        if (come.Length + gone.Length > 0)
        {
            var changes = new RecordChanges();
            foreach (LabelIdentity one in come)
            {
                changes.Put($"{Folder}/{one.Identity.Value}", one, StateContext.Default.LabelIdentity);
            }

            foreach ((Identity identity, _) in gone)
            {
                changes.Delete($"{Folder}/{identity.Value}");
            }

            _store.Commit(changes);
            _writer.Publish(before => before with
            {
                Identities = before.Identities.RemoveRange(gone.Select(one => one.Identity)).SetItems(come.Select(one => KeyValuePair.Create(one.Identity, one.Labels))),
                NumbersOfLabels = before.NumbersOfLabels.RemoveRange(gone.Where(one => before.NumbersOfLabels.GetValueOrDefault(one.Labels) == one.Identity).Select(one => one.Labels))
                    .SetItems(come.Select(one => KeyValuePair.Create(one.Labels, one.Identity))),
            });
        }

        _followed = cluster;
    }

    /// <summary>Forgets numbers that no endpoint has had for long; true if there were any.</summary>
    internal bool Sweep()
    {
        World world = _writer.World;
        DateTimeOffset now = _time.GetUtcNow();
        HashSet<Identity> used = [.. world.Endpoints.Values.Select(endpoint => endpoint.Identity)];
        foreach (Identity identity in _unusedSince.Keys.Where(identity => used.Contains(identity) || !world.Identities.ContainsKey(identity)).ToList())
        {
            _unusedSince.Remove(identity);
        }

        bool isAnyOver = ForgetRetired();
        foreach ((Identity identity, LabelSet labels) in world.Identities.Where(known => !used.Contains(known.Key) && !known.Key.IsOfCluster))
        {
            if (!_unusedSince.TryAdd(identity, now) && now - _unusedSince[identity] > _grace)
            {
                _store.Delete($"{Folder}/{identity.Value}");
                _writer.Publish(before => before with { Identities = before.Identities.Remove(identity), NumbersOfLabels = before.NumbersOfLabels.GetValueOrDefault(labels) == identity ? before.NumbersOfLabels.Remove(labels) : before.NumbersOfLabels });
                _unusedSince.Remove(identity);
                isAnyOver = true;
            }
        }

        return isAnyOver;
    }

    /// <summary>Prefixes had these numbers before the agent restarted.</summary>
    internal void RestoreCidrs(IReadOnlyCollection<(IpPrefix Prefix, Identity Identity)> cidrs)
    {
        _writer.Publish(world => cidrs.Count == 0 ? world : world with
        {
            Cidrs = world.Cidrs.SetItems(cidrs.Select(cidr => KeyValuePair.Create(cidr.Prefix.Masked, cidr.Identity))),
            Prefixes = world.Prefixes.SetItems(cidrs.Select(cidr => KeyValuePair.Create(cidr.Identity, cidr.Prefix.Masked))),
        });
        _lastCidr = cidrs.Aggregate(_lastCidr, (last, cidr) => Math.Max(last, cidr.Identity.Value & CidrNumbers));
    }

    /// <summary>Gives prefixes numbers, in their order.</summary>
    internal IReadOnlyList<(IpPrefix Prefix, Identity Identity)> AddCidrs(IReadOnlyCollection<IpPrefix> prefixes)
    {
        List<(IpPrefix, Identity)> added = [];
        foreach (IpPrefix prefix in prefixes)
        {
            do
            {
                _lastCidr = _lastCidr >= CidrNumbers ? 1 : _lastCidr + 1;
            }
            while (_writer.World.Prefixes.ContainsKey(Identity.ForCidr(_lastCidr)));

            added.Add((prefix, Identity.ForCidr(_lastCidr)));
        }

        RestoreCidrs(added);
        return added;
    }

    /// <summary>Policy names them no longer. Maps speak of their numbers until they are compiled again.</summary>
    internal void RetireCidrs(IReadOnlyCollection<IpPrefix> prefixes) =>
        _writer.Publish(world => prefixes.Count == 0 ? world : world with { Cidrs = world.Cidrs.RemoveRange(prefixes) });

    /// <summary>True if there were any.</summary>
    private bool ForgetRetired()
    {
        World world = _writer.World;
        if (world.Prefixes.Count == world.Cidrs.Count)
        {
            return false;
        }

        HashSet<Identity> named = [.. world.Cidrs.Values];
        _writer.Publish(before => before with { Prefixes = before.Prefixes.RemoveRange(before.Prefixes.Keys.Where(identity => !named.Contains(identity))) });
        return true;
    }

    private void Publish(LabelIdentity kept)
    {
        _writer.Publish(world => world with
        {
            Identities = world.Identities.SetItem(kept.Identity, kept.Labels),
            NumbersOfLabels = world.NumbersOfLabels.SetItem(kept.Labels, kept.Identity),
        });
        _last = kept.Identity.IsOfCluster ? _last : Math.Max(_last, kept.Identity.Value);
    }

    private Identity NextFree()
    {
        // Round and round, so that a number rests before it means other labels.
        HashSet<Identity> used = [.. _writer.World.Endpoints.Values.Select(endpoint => endpoint.Identity)];
        do
        {
            _last = _last >= LastAllocated ? Identity.FirstAllocated : _last + 1;
        }
        while (_writer.World.Identities.ContainsKey(new Identity(_last)) || used.Contains(new Identity(_last)));

        return new Identity(_last);
    }
}
