// SPDX-License-Identifier: Apache-2.0
namespace Weir.Store.Tests;

/// <summary>What a store should be, written as plainly as can be: every revision whole.</summary>
internal sealed class ReferenceModel
{
    private readonly List<SortedDictionary<string, KeyValue>> _revisions = [[], new(Keys.Order)];
    private readonly HashSet<long> _leases = [];
    private long _lastLease;

    internal long Revision => _revisions.Count - 1;

    internal IEnumerable<long> Leases => _leases.Order();

    internal string Dump(long revision) => Texts.Dump(revision, _revisions[(int)revision].Values);

    internal long ModRevisionOf(string key) => _revisions[^1].TryGetValue(key, out KeyValue? found) ? found.ModRevision : 0;

    internal long Grant()
    {
        _leases.Add(++_lastLease);
        return _lastLease;
    }

    internal void Revoke(long lease)
    {
        _leases.Remove(lease);
        var transaction = new Transaction();
        foreach (KeyValue record in _revisions[^1].Values.Where(record => record.Lease == lease))
        {
            transaction.Delete(record.Key);
        }

        Apply(transaction);
    }

    internal TransactionResult Apply(Transaction transaction)
    {
        if (transaction.Comparisons.Any(comparison => ModRevisionOf(comparison.Key) != comparison.ModRevision))
        {
            return new(false, Revision);
        }

        SortedDictionary<string, KeyValue> now = _revisions[^1];
        var next = new SortedDictionary<string, KeyValue>(now, Keys.Order);
        foreach (Put put in transaction.Puts)
        {
            next[put.Key] = new KeyValue(put.Key, put.Value, now.TryGetValue(put.Key, out KeyValue? before) ? before.CreateRevision : Revision + 1, Revision + 1, put.Lease);
        }

        int gone = transaction.Deletes.Count(next.Remove);
        if (transaction.Puts.Count + gone > 0)
        {
            _revisions.Add(next);
        }

        return new(true, Revision);
    }

    /// <summary>What a watcher of everything hears of a revision.</summary>
    internal string Told(long revision)
    {
        SortedDictionary<string, KeyValue> before = _revisions[(int)revision - 1];
        SortedDictionary<string, KeyValue> now = _revisions[(int)revision];
        IEnumerable<Change> changes = before.Keys.Union(now.Keys).Order(Keys.Order)
            .Select(key => new Change(key, now.GetValueOrDefault(key), before.GetValueOrDefault(key)))
            .Where(change => change.Record != change.Before);
        return new RevisionChanges(revision, [.. changes]).Dump();
    }
}
