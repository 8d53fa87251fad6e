// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>Comparisons, and what is put and deleted if all of them hold. As in etcd, a key can be changed once only.
/// Compare-and-swap is <c>new Transaction().IfUnchanged(key, seen).Put(key, value)</c>.</summary>
public sealed class Transaction
{
    private readonly List<Comparison> _comparisons = [];
    private readonly List<Put> _puts = [];
    private readonly List<string> _deletes = [];
    private readonly HashSet<string> _changed = new(StringComparer.Ordinal);

    public IReadOnlyList<Comparison> Comparisons => _comparisons;

    public IReadOnlyList<Put> Puts => _puts;

    public IReadOnlyList<string> Deletes => _deletes;

    /// <summary>Only if nobody has put or deleted the record since.</summary>
    /// <param name="modRevision">The record's; 0: there is none.</param>
    public Transaction IfUnchanged(string key, long modRevision)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(modRevision);
        _comparisons.Add(new Comparison(Keys.Check(key), modRevision));
        return this;
    }

    /// <summary>Only if there is no such record.</summary>
    public Transaction IfAbsent(string key) => IfUnchanged(key, 0);

    /// <param name="value">Is not to be changed afterwards.</param>
    /// <param name="lease">The record is deleted when it is over; 0: none.</param>
    public Transaction Put(string key, ReadOnlyMemory<byte> value, long lease = 0)
    {
        Claim(key);
        _puts.Add(new Put(key, value, lease));
        return this;
    }

    /// <summary>Nothing happens if there is none.</summary>
    public Transaction Delete(string key)
    {
        Claim(key);
        _deletes.Add(key);
        return this;
    }

    private void Claim(string key)
    {
        if (!_changed.Add(Keys.Check(key)))
        {
            throw new ArgumentException($"a transaction changes \"{key}\" twice", nameof(key));
        }
    }
}
