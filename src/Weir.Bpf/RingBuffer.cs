// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>Reads a BPF ring buffer through its own memory, without a call per record. One reader at
/// a time. Does not own the map.</summary>
public sealed unsafe class RingBuffer : IDisposable
{
    private const uint BusyBit = 1u << 31;
    private const uint DiscardBit = 1u << 30;
    private const int HeaderSize = 8;

    private readonly BpfMap _map;
    private readonly nint _consumerPage;
    private readonly nint _producerPages;
    private readonly nuint _pageSize = (nuint)Environment.SystemPageSize;
    private readonly nuint _size;
    private bool _disposed;

    public RingBuffer(BpfMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.Spec.Type != BpfMapType.RingBuffer)
        {
            throw new ArgumentException($"map {map.Name} is no ring buffer");
        }

        _map = map;
        _size = map.Spec.MaxEntries;
        _consumerPage = BpfSyscall.Map(map.Fd, _pageSize, writable: true, 0, $"ring buffer {map.Name}");
        try
        {
            // The data follow twice in a row: a record never wraps.
            _producerPages = BpfSyscall.Map(map.Fd, _pageSize + (2 * _size), writable: false, (long)_pageSize, $"ring buffer {map.Name}");
        }
        catch (LinuxException)
        {
            _ = BpfSyscall.UnmapMemory(_consumerPage, _pageSize);
            throw;
        }
    }

    /// <summary>Gets one record: memory of the ring, gone when the handler returns.</summary>
    public delegate void RecordHandler(ReadOnlySpan<byte> record);

    /// <summary>Waits until there may be records. False: the time is over.</summary>
    public bool Wait(TimeSpan timeout)
    {
        if (Volatile.Read(ref *(ulong*)_consumerPage) != Volatile.Read(ref *(ulong*)_producerPages))
        {
            return true;
        }

        return _map.WaitReadable(timeout);
    }

    /// <summary>Hands every finished record to the handler, oldest first.</summary>
    /// <returns>How many there were.</returns>
    public int Consume(RecordHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ref ulong consumer = ref *(ulong*)_consumerPage;
        byte* data = (byte*)_producerPages + _pageSize;
        ulong position = Volatile.Read(ref consumer);
        ulong mask = _size - 1;
        int count = 0;
        while (position < Volatile.Read(ref *(ulong*)_producerPages))
        {
            byte* record = data + (position & mask);
            uint header = Volatile.Read(ref *(uint*)record);
            if ((header & BusyBit) != 0)
            {
                break; // still being written; its producer wakes us
            }

            uint length = header & ~(BusyBit | DiscardBit);
            try
            {
                if ((header & DiscardBit) == 0)
                {
                    count++;
                    handler(new ReadOnlySpan<byte>(record + HeaderSize, (int)length));
                }
            }
            finally
            {
                position += (length + HeaderSize + 7) & ~7u;
                Volatile.Write(ref consumer, position);
            }
        }

        return count;
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = BpfSyscall.UnmapMemory(_consumerPage, _pageSize);
            _ = BpfSyscall.UnmapMemory(_producerPages, _pageSize + (2 * _size));
        }
    }
}
