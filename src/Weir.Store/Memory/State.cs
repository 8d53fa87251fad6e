// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;

namespace Weir.Store.Memory;

/// <summary>All that a store has at one moment. Never changes: readers keep it as long as they like.</summary>
internal sealed record State
{
    internal static readonly IComparer<KeyValue> ByKey = Comparer<KeyValue>.Create((left, right) => Keys.Order.Compare(left.Key, right.Key));

    /// <summary>As etcd's, a store without a record is of revision 1; so 0 can mean none.</summary>
    internal static State Empty { get; } = From(1, [], [], 0);

    internal required long Revision { get; init; }

    internal required ImmutableSortedSet<KeyValue> Records { get; init; }

    /// <summary>How long each may live without a sign.</summary>
    internal required ImmutableSortedDictionary<long, TimeSpan> Leases { get; init; }

    /// <summary>The highest number that was given.</summary>
    internal required long LastLease { get; init; }

    internal required History History { get; init; }

    /// <summary>A state whose past is forgotten.</summary>
    internal static State From(long revision, IEnumerable<KeyValue> records, IEnumerable<KeyValuePair<long, TimeSpan>> leases, long lastLease)
    {
        ImmutableSortedSet<KeyValue> sorted = ImmutableSortedSet.CreateRange(ByKey, records);
        return new State
        {
            Revision = revision,
            Records = sorted,
            Leases = ImmutableSortedDictionary.CreateRange(leases),
            LastLease = lastLease,
            History = History.Beginning(revision, sorted),
        };
    }

    internal KeyValue? Find(string key) => Records.TryGetValue(Probe(key), out KeyValue found) ? found : null;

    /// <summary>In the order of their keys.</summary>
    internal static List<KeyValue> Under(ImmutableSortedSet<KeyValue> records, string prefix)
    {
        List<KeyValue> found = [];
        int index = records.IndexOf(Probe(prefix));
        for (int i = index < 0 ? ~index : index; i < records.Count && records[i].Key.StartsWith(prefix, StringComparison.Ordinal); i++)
        {
            found.Add(records[i]);
        }

        return found;
    }

    /// <summary>The end of a lease, with all that is put under it.</summary>
    internal Entry Revoke(long lease) => new([], [.. Records.Where(record => record.Lease == lease).Select(record => record.Key)]) { Revoked = lease };

    internal State Apply(Entry entry)
    {
        ImmutableSortedDictionary<long, TimeSpan> leases = entry.Granted != 0 ? Leases.Add(entry.Granted, entry.TimeToLive) : Leases;
        State after = this with
        {
            Leases = entry.Revoked != 0 ? leases.Remove(entry.Revoked) : leases,
            LastLease = Math.Max(LastLease, entry.Granted),
        };
        return entry.ChangesRecords ? after.Change(entry) : after;
    }

    private State Change(Entry entry)
    {
        long revision = Revision + 1;
        ImmutableSortedSet<KeyValue>.Builder records = Records.ToBuilder();
        List<Change> changes = [];
        foreach (Put put in entry.Puts)
        {
            KeyValue? before = Find(put.Key);
            var record = new KeyValue(put.Key, put.Value, before?.CreateRevision ?? revision, revision, put.Lease);
            if (before is not null)
            {
                records.Remove(before);
            }

            records.Add(record);
            changes.Add(new Change(put.Key, record, before));
        }

        foreach (string key in entry.Deletes)
        {
            if (Find(key) is { } before)
            {
                records.Remove(before);
                changes.Add(new Change(key, null, before));
            }
        }

        changes.Sort((left, right) => Keys.Order.Compare(left.Key, right.Key));
        ImmutableSortedSet<KeyValue> now = records.ToImmutable();
        return this with { Revision = revision, Records = now, History = History.Add(new PastRevision(revision, changes, now)) };
    }

    private static KeyValue Probe(string key) => new(key, default, 0, 0);
}
