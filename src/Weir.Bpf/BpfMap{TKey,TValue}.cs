// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weir.Bpf;

/// <summary>A map whose keys and values are structs. Does not own the map.</summary>
public sealed class BpfMap<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    /// <summary>Refuses a map whose sizes differ from the structs'.</summary>
    public BpfMap(BpfMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.Spec.KeySize != Unsafe.SizeOf<TKey>() || map.Spec.ValueSize != Unsafe.SizeOf<TValue>())
        {
            throw new ArgumentException(
                $"map {map.Name} has keys of {map.Spec.KeySize} and values of {map.Spec.ValueSize} bytes; " +
                $"{typeof(TKey).Name} has {Unsafe.SizeOf<TKey>()}, {typeof(TValue).Name} {Unsafe.SizeOf<TValue>()}");
        }

        Raw = map;
    }

    public BpfMap Raw { get; }

    public bool TryGet(in TKey key, out TValue value)
    {
        value = default;
        return Raw.TryLookup(Bytes(in key), MemoryMarshal.AsBytes(new Span<TValue>(ref value)));
    }

    public void Set(in TKey key, in TValue value) => Raw.Update(Bytes(in key), Bytes(in value));

    /// <summary>Writes many entries in one call.</summary>
    public void SetMany(ReadOnlySpan<TKey> keys, ReadOnlySpan<TValue> values) =>
        Raw.UpdateBatch(MemoryMarshal.AsBytes(keys), MemoryMarshal.AsBytes(values), keys.Length);

    /// <summary>False: there was no such entry.</summary>
    public bool Remove(in TKey key) => Raw.Delete(Bytes(in key));

    /// <summary>Deletes many entries; returns how many were there.</summary>
    public int RemoveMany(ReadOnlySpan<TKey> keys) => Raw.DeleteBatch(MemoryMarshal.AsBytes(keys), keys.Length);

    /// <summary>A copy of the whole map; consistent entry by entry only.</summary>
    public List<KeyValuePair<TKey, TValue>> ToList()
    {
        List<KeyValuePair<TKey, TValue>> entries = [];
        Raw.ForEachBatch((keys, values, _) =>
        {
            ReadOnlySpan<TKey> k = MemoryMarshal.Cast<byte, TKey>(keys);
            ReadOnlySpan<TValue> v = MemoryMarshal.Cast<byte, TValue>(values);
            for (int i = 0; i < k.Length; i++)
            {
                entries.Add(new(k[i], v[i]));
            }
        });
        return entries;
    }

    private static ReadOnlySpan<byte> Bytes<T>(in T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));
}
