// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Weir.Bpf.Interop;

namespace Weir.Bpf;

/// <summary>The values of a memory-mapped array (<see cref="BpfMapFlags.MemoryMappable"/>): programs
/// and this process see each other's writes at once, so that fields can change atomically.</summary>
public sealed unsafe class BpfMapMemory<TValue> : IDisposable
    where TValue : unmanaged
{
    private readonly nint _address;
    private readonly nuint _length;
    private readonly int _stride;
    private bool _disposed;

    public BpfMapMemory(BpfMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.Spec.ValueSize != sizeof(TValue) || !map.Spec.Flags.HasFlag(BpfMapFlags.MemoryMappable))
        {
            throw new ArgumentException($"map {map.Name} cannot be mapped as an array of {typeof(TValue).Name}");
        }

        Count = (int)map.Spec.MaxEntries;
        _stride = (sizeof(TValue) + 7) & ~7;
        nuint page = (nuint)Environment.SystemPageSize;
        _length = (((nuint)Count * (nuint)_stride) + page - 1) & ~(page - 1);
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
            return ref Unsafe.AsRef<TValue>((void*)(_address + (nint)(index * _stride)));
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
}
