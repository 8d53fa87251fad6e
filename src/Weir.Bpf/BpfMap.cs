// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Weir.Bpf.Btf;
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A map in the kernel, by bytes. Closing it does not remove it while a pin, a program or
/// another map holds it. Refusals are <see cref="LinuxException"/>s.</summary>
public sealed unsafe class BpfMap : IDisposable
{
    private readonly FileDescriptor _fd;

    private BpfMap(FileDescriptor fd, BpfMapSpec spec)
    {
        _fd = fd;
        Spec = spec;
    }

    /// <summary>Gets keys and values of a batch, packed.</summary>
    public delegate void BatchHandler(ReadOnlySpan<byte> keys, ReadOnlySpan<byte> values, int count);

    /// <summary>As the kernel describes it.</summary>
    public BpfMapSpec Spec { get; }

    public string Name => Spec.Name;

    /// <summary>The kernel's number for it.</summary>
    public uint Id => Ask(_fd).Id;

    /// <summary>The kernel's number for the types in which <see cref="BpfMapSpec.Types"/> are; 0: it was made without.</summary>
    public uint TypesId => Ask(_fd).TypesId;

    public int Fd => _fd.Number;

    /// <summary>Bytes of a value in user space: per-CPU maps have one per possible CPU, each aligned to 8.</summary>
    public int UserValueSize => IsPerCpu ? (int)((Spec.ValueSize + 7) & ~7u) * PossibleCpus.Count : (int)Spec.ValueSize;

    private bool IsPerCpu => Spec.Type is BpfMapType.PerCpuArray or BpfMapType.PerCpuHash;

    /// <summary>Creates a map; a map of maps needs <see cref="BpfMapSpec.Inner"/>.</summary>
    /// <param name="types">Of the object that declares it: the map says where its fields are. Null: it does not.</param>
    public static BpfMap Create(BpfMapSpec spec, LoadedTypes? types = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        using BpfMap? inner = spec.Inner is null ? null : Create(spec.Inner, types);
        var attributes = new BpfSyscall.MapCreate
        {
            Type = (uint)spec.Type,
            KeySize = spec.KeySize,
            ValueSize = spec.ValueSize,
            MaxEntries = spec.MaxEntries,
            Flags = (uint)spec.Flags,
            InnerMapFd = inner is null ? 0 : (uint)inner.Fd,
        };
        BpfSyscall.CopyName(spec.Name, attributes.Name);
        if (types is not null && spec.CanHaveTypes)
        {
            (attributes.TypesFd, attributes.KeyType, attributes.ValueType) = ((uint)types.Fd, (uint)spec.Types.Key, (uint)spec.Types.Value);
        }

        int fd = BpfSyscall.Call(BpfCommand.MapCreate, ref attributes);
        return fd >= 0
            ? new BpfMap(new FileDescriptor(fd), spec)
            : throw new LinuxException(-fd, $"create map {spec.Name} ({spec.Type}, {spec.MaxEntries} entries)");
    }

    /// <summary>Opens a pinned map; null if nothing is pinned there.</summary>
    public static BpfMap? OpenPinned(string path)
    {
        fixed (byte* p = Encoding.UTF8.GetBytes(path + "\0"))
        {
            var attributes = new BpfSyscall.Pin { Path = (ulong)p };
            int fd = BpfSyscall.Call(BpfCommand.ObjectGet, ref attributes);
            return fd switch
            {
                >= 0 => FromFd(new FileDescriptor(fd)),
                -Errno.NoEntry => null,
                _ => throw new LinuxException(-fd, $"open pinned map {path}"),
            };
        }
    }

    /// <summary>Opens the inner map that a lookup in a map of maps names; null if it is gone.</summary>
    public static BpfMap? OpenById(uint id)
    {
        var attributes = new BpfSyscall.GetById { Id = id };
        int fd = BpfSyscall.Call(BpfCommand.MapGetFdById, ref attributes);
        return fd switch
        {
            >= 0 => FromFd(new FileDescriptor(fd)),
            -Errno.NoEntry => null,
            _ => throw new LinuxException(-fd, $"open map {id}"),
        };
    }

    /// <summary>Pins the map in a BPF file system: it stays when this process ends.</summary>
    public void Pin(string path)
    {
        fixed (byte* p = Encoding.UTF8.GetBytes(path + "\0"))
        {
            var attributes = new BpfSyscall.Pin { Path = (ulong)p, Fd = (uint)Fd };
            Check(BpfSyscall.Call(BpfCommand.ObjectPin, ref attributes), $"pin map {Name} at {path}");
        }
    }

    /// <summary>Copies a value out. False: there is no such entry.</summary>
    public bool TryLookup(ReadOnlySpan<byte> key, Span<byte> value)
    {
        CheckSizes(key, value);
        fixed (byte* k = key)
        fixed (byte* v = value)
        {
            var attributes = new BpfSyscall.Element { MapFd = (uint)Fd, Key = (ulong)k, ValueOrNextKey = (ulong)v };
            int result = BpfSyscall.Call(BpfCommand.MapLookup, ref attributes);
            return result != -Errno.NoEntry && Check(result, $"look up an entry of map {Name}");
        }
    }

    /// <summary>Writes an entry, new or not. A full map is E2BIG (LPM trie: ENOSPC).</summary>
    public void Update(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        CheckSizes(key, value);
        fixed (byte* k = key)
        fixed (byte* v = value)
        {
            var attributes = new BpfSyscall.Element { MapFd = (uint)Fd, Key = (ulong)k, ValueOrNextKey = (ulong)v };
            Check(BpfSyscall.Call(BpfCommand.MapUpdate, ref attributes), $"write an entry of map {Name}");
        }
    }

    /// <summary>Removes an entry. False: there was none.</summary>
    public bool Delete(ReadOnlySpan<byte> key)
    {
        fixed (byte* k = key)
        {
            var attributes = new BpfSyscall.Element { MapFd = (uint)Fd, Key = (ulong)k };
            int result = BpfSyscall.Call(BpfCommand.MapDelete, ref attributes);
            return result != -Errno.NoEntry && Check(result, $"delete an entry of map {Name}");
        }
    }

    /// <summary>Writes many entries in one call. Throws when only a part was written.</summary>
    public void UpdateBatch(ReadOnlySpan<byte> keys, ReadOnlySpan<byte> values, int count)
    {
        if (count == 0)
        {
            return;
        }

        fixed (byte* k = keys)
        fixed (byte* v = values)
        {
            var attributes = new BpfSyscall.Batch { Keys = (ulong)k, Values = (ulong)v, Count = (uint)count, MapFd = (uint)Fd };
            int result = BpfSyscall.Call(BpfCommand.MapUpdateBatch, ref attributes);
            Check(result, $"write {count} entries of map {Name} (done: {attributes.Count})");
        }
    }

    /// <summary>Deletes many entries; those that are gone already are skipped.</summary>
    /// <returns>How many were deleted.</returns>
    public int DeleteBatch(ReadOnlySpan<byte> keys, int count)
    {
        int deleted = 0;
        int done = 0;
        int keySize = (int)Spec.KeySize;
        fixed (byte* k = keys)
        {
            while (done < count)
            {
                var attributes = new BpfSyscall.Batch { Keys = (ulong)(k + (done * keySize)), Count = (uint)(count - done), MapFd = (uint)Fd };
                int result = BpfSyscall.Call(BpfCommand.MapDeleteBatch, ref attributes);
                int progress = (int)attributes.Count;
                if (result is not 0 and not -Errno.NoEntry)
                {
                    Check(result, $"delete {count} entries of map {Name}");
                }

                deleted += progress;
                done += progress + (result == 0 ? 0 : 1);
            }
        }

        return deleted;
    }

    /// <summary>Walks the whole map in batches. Entries that change meanwhile may be seen or not, and
    /// in a trie that changes some may be seen twice.</summary>
    public void ForEachBatch(BatchHandler handler, int batchSize = 4096)
    {
        ArgumentNullException.ThrowIfNull(handler);
        int keySize = (int)Spec.KeySize;
        byte[] token = new byte[Math.Max(keySize, 8)];
        byte[] next = new byte[token.Length];
        bool first = true;
        batchSize = (int)Math.Min((uint)batchSize, Math.Max(Spec.MaxEntries, 1));
        byte[] keys = ArrayPool<byte>.Shared.Rent(batchSize * keySize);
        byte[] values = ArrayPool<byte>.Shared.Rent(batchSize * UserValueSize);
        while (true)
        {
            int result;
            int count;
            fixed (byte* i = token, o = next, k = keys, v = values)
            {
                var attributes = new BpfSyscall.Batch
                {
                    In = first ? 0 : (ulong)i,
                    Out = (ulong)o,
                    Keys = (ulong)k,
                    Values = (ulong)v,
                    Count = (uint)batchSize,
                    MapFd = (uint)Fd,
                };
                result = BpfSyscall.Call(BpfCommand.MapLookupBatch, ref attributes);
                count = (int)attributes.Count;
            }

            if (result == -Errno.NoSpace)
            {
                // One hash bucket holds more than a whole batch.
                batchSize *= 2;
                ArrayPool<byte>.Shared.Return(keys);
                ArrayPool<byte>.Shared.Return(values);
                keys = ArrayPool<byte>.Shared.Rent(batchSize * keySize);
                values = ArrayPool<byte>.Shared.Rent(batchSize * UserValueSize);
                continue;
            }

            if (result is not 0 and not -Errno.NoEntry)
            {
                Check(result, $"read map {Name}");
            }

            if (count > 0)
            {
                handler(keys.AsSpan(0, count * keySize), values.AsSpan(0, count * UserValueSize), count);
            }

            if (result != 0)
            {
                ArrayPool<byte>.Shared.Return(keys);
                ArrayPool<byte>.Shared.Return(values);
                return;
            }

            (token, next) = (next, token);
            first = false;
        }
    }

    /// <summary>Waits until a ring buffer has something to read.</summary>
    internal bool WaitReadable(TimeSpan timeout) => _fd.WaitReadable(timeout);

    public void Dispose() => _fd.Dispose();

    /// <summary>Takes ownership of a map's descriptor and asks the kernel what it is.</summary>
    internal static BpfMap FromFd(FileDescriptor fd)
    {
        try
        {
            BpfSyscall.MapInfo info = Ask(fd);
            string name = Marshal.PtrToStringUTF8((nint)info.Name) ?? "";
            var types = new MapTypes((int)info.KeyType, (int)info.ValueType);
            return new BpfMap(fd, new BpfMapSpec(name, (BpfMapType)info.Type, info.KeySize, info.ValueSize, info.MaxEntries, (BpfMapFlags)info.Flags, Types: types));
        }
        catch (LinuxException)
        {
            fd.Dispose();
            throw;
        }
    }

    private static BpfSyscall.MapInfo Ask(FileDescriptor fd)
    {
        BpfSyscall.MapInfo info = default;
        var attributes = new BpfSyscall.ObjectInfo { Fd = (uint)fd.Number, Length = (uint)sizeof(BpfSyscall.MapInfo), Info = (ulong)(&info) };
        int result = BpfSyscall.Call(BpfCommand.ObjectGetInfo, ref attributes);
        return result >= 0 ? info : throw new LinuxException(-result, "ask what a map is");
    }

    private static bool Check(int result, string what) => result >= 0 ? true : throw new LinuxException(-result, what);

    private void CheckSizes(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.Length != Spec.KeySize || value.Length != UserValueSize)
        {
            throw new ArgumentException(
                $"map {Name} has keys of {Spec.KeySize} and values of {UserValueSize} bytes, not {key.Length} and {value.Length}");
        }
    }
}
