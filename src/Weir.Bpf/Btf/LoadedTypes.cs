// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf.Btf;

/// <summary>Types that the kernel has: maps made with them say where their fields are, as long as they live.</summary>
public sealed unsafe class LoadedTypes : IDisposable
{
    private readonly FileDescriptor _fd;

    /// <summary>Takes ownership of the descriptor.</summary>
    internal LoadedTypes(FileDescriptor fd) => _fd = fd;

    internal int Fd => _fd.Number;

    /// <summary>Loads a compiled object's types; a map of that object may be made with them.</summary>
    public static LoadedTypes Load(ReadOnlySpan<byte> image, string name)
    {
        using BpfObject types = BpfObject.Open(image, name);
        return types.LoadTypes();
    }

    /// <summary>Reads types by the kernel's number for them (<see cref="BpfMap.TypesId"/>).</summary>
    public static BtfReader Read(uint id)
    {
        var attributes = new BpfSyscall.GetById { Id = id };
        int fd = BpfSyscall.Call(BpfCommand.BtfGetFdById, ref attributes);
        using var types = new LoadedTypes(new FileDescriptor(fd >= 0 ? fd : throw new LinuxException(-fd, $"open types {id}")));
        return types.Read();
    }

    /// <summary>All of them.</summary>
    public BtfReader Read()
    {
        byte[] section = new byte[Ask([]).Size];
        Ask(section);
        return BtfReader.FromSection(section);
    }

    public void Dispose() => _fd.Dispose();

    private BpfSyscall.TypesInfo Ask(byte[] room)
    {
        fixed (byte* target = room)
        {
            var info = new BpfSyscall.TypesInfo { Types = (ulong)target, Size = (uint)room.Length };
            var attributes = new BpfSyscall.ObjectInfo { Fd = (uint)_fd.Number, Length = (uint)sizeof(BpfSyscall.TypesInfo), Info = (ulong)(&info) };
            int result = BpfSyscall.Call(BpfCommand.ObjectGetInfo, ref attributes);
            return result >= 0 ? info : throw new LinuxException(-result, "read the types of a map");
        }
    }
}
