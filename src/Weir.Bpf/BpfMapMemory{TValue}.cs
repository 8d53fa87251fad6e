// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Weir.Bpf.Interop;

namespace Weir.Bpf;

/// <summary>The values of a memory-mapped array (<see cref="BpfMapFlags.MemoryMappable"/>), or those of an array that is
/// its only value: programs and this process see each other's writes at once, so that fields can change
/// atomically.</summary>
public sealed unsafe class BpfMapMemory<TValue> : IDisposable
    where TValue : unmanaged
{
    private readonly nint _address;
    private readonly nuint _length;
    private readonly int _offset;
    private readonly int _stride;
    private bool _disposed;

    public BpfMapMemory(BpfMap map)
        : this(map, 0, StrideOf(map), (int)map.Spec.MaxEntries, map.Spec.ValueSize == sizeof(TValue))
    {
    }

    /// <summary>Of each value one field.</summary>
    /// <param name="offset">Where it is, in bytes.</param>
    public BpfMapMemory(BpfMap map, int offset)
        : this(map, offset, StrideOf(map), (int)map.Spec.MaxEntries, offset + sizeof(TValue) <= map.Spec.ValueSize)
    {
    }

    /// <summary>Of the only value an array that is part of it.</summary>
    /// <param name="offset">Where it begins, in bytes.</param>
    public BpfMapMemory(BpfMap map, int offset, int count)
        : this(map, offset, sizeof(TValue), count, offset + ((long)count * sizeof(TValue)) <= map.Spec.ValueSize && map.Spec.MaxEntries == 1)
    {
    }

    private BpfMapMemory(BpfMap map, int offset, int stride, int count, bool fits)
    {
        if (!fits || !map.Spec.Flags.HasFlag(BpfMapFlags.MemoryMappable))
        {
            throw new ArgumentException($"map {map.Name} cannot be mapped as an array of {typeof(TValue).Name}");
        }

        Count = count;
        _offset = offset;
        _stride = stride;
        nuint page = (nuint)Environment.SystemPageSize;
        _length = (((nuint)map.Spec.MaxEntries * (nuint)StrideOf(map)) + page - 1) & ~(page - 1);
        _address = BpfSyscall.Map(map.Fd, _length, writable: true, 0, $"map {map.Name}");
    }

    public int Count { get; }

    /// <summary>The value itself, not a copy. Valid until dispose.</summary>
    public ref TValue this[int index]
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return ref Unsafe.AsRef<TValue>((void*)(_address + _offset + ((nint)index * _stride)));
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = BpfSyscall.UnmapMemory(_address, _length);
        }
    }

    private static int StrideOf(BpfMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        return ((int)map.Spec.ValueSize + 7) & ~7;
    }
}
