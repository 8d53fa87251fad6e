// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weir.Bpf;

/// <summary>A per-CPU array. Does not own the map.</summary>
public sealed class PerCpuMap<TValue>
    where TValue : unmanaged
{
    private readonly BpfMap _map;
    private readonly byte[] _buffer;

    public PerCpuMap(BpfMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.Spec.ValueSize != Unsafe.SizeOf<TValue>())
        {
            throw new ArgumentException($"map {map.Name} has values of {map.Spec.ValueSize} bytes, {typeof(TValue).Name} has {Unsafe.SizeOf<TValue>()}");
        }

        _map = map;
        _buffer = new byte[map.UserValueSize];
    }

    /// <summary>Copies the values of all possible CPUs.</summary>
    public TValue[] Get(uint index)
    {
        lock (_buffer)
        {
            _buffer.AsSpan().Clear();
            _map.TryLookup(MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in index)), _buffer);
            return ValuesOf(_buffer);
        }
    }

    /// <summary>Copies the values of all possible CPUs for every index: a few calls of the kernel, not one for each.</summary>
    public TValue[][] GetAll()
    {
        List<TValue[]> all = [];
        _map.ForEachBatch((_, values, count) =>
        {
            for (int i = 0; i < count; i++)
            {
                all.Add(ValuesOf(values.Slice(i * _buffer.Length, _buffer.Length)));
            }
        });
        return [.. all];
    }

    /// <summary>Sets the values of all CPUs to zero. What programs add meanwhile may be lost.</summary>
    public void Clear(uint index)
    {
        lock (_buffer)
        {
            _buffer.AsSpan().Clear();
            _map.Update(MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in index)), _buffer);
        }
    }

    /// <param name="bytes">As the kernel copies them: eight bytes or a multiple for each CPU.</param>
    private static TValue[] ValuesOf(ReadOnlySpan<byte> bytes)
    {
        TValue[] values = new TValue[PossibleCpus.Count];
        int stride = bytes.Length / values.Length;
        for (int cpu = 0; cpu < values.Length; cpu++)
        {
            values[cpu] = MemoryMarshal.Read<TValue>(bytes[(cpu * stride)..]);
        }

        return values;
    }
}
