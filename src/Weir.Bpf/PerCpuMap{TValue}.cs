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
            TValue[] values = new TValue[PossibleCpus.Count];
            if (_map.TryLookup(MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in index)), _buffer))
            {
                int stride = _buffer.Length / values.Length;
                for (int cpu = 0; cpu < values.Length; cpu++)
                {
                    values[cpu] = MemoryMarshal.Read<TValue>(_buffer.AsSpan(cpu * stride));
                }
            }

            return values;
        }
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
}
