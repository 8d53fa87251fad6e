// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Linux;

namespace Weir.Bpf.Interop;

/// <summary>bpf(2), mmap(2) and the layouts of union bpf_attr (linux/bpf.h).</summary>
internal static unsafe partial class BpfSyscall
{
    internal const int NameSize = 16;

    private const string Library = "libc";
    private static readonly nint _number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 280 : 321;

    // long syscall(long number, ...);
    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint command, void* attributes, nint size);

    // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, int fd, long offset);

    // int munmap(void *addr, size_t length);
    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    internal static partial int UnmapMemory(nint address, nuint length);

    /// <summary>Returns the result, or minus errno. Interrupted calls are repeated.</summary>
    internal static int Call<T>(BpfCommand command, ref T attributes)
        where T : unmanaged
    {
        fixed (T* p = &attributes)
        {
            while (true)
            {
                nint result = SystemCall(_number, (nint)command, p, sizeof(T));
                if (result >= 0)
                {
                    return (int)result;
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.Interrupted)
                {
                    return -errno;
                }
            }
        }
    }

    /// <summary>Maps a descriptor's memory, shared.</summary>
    internal static nint Map(int fd, nuint length, bool writable, long offset, string what)
    {
        const int Read = 1;
        const int Write = 2;
        const int Shared = 1;
        nint address = MapMemory(0, length, writable ? Read | Write : Read, Shared, fd, offset);
        return address != -1 ? address : throw LinuxException.Last($"map the memory of {what}");
    }

    /// <summary>Writes a kernel object's name: at most 15 characters.</summary>
    internal static void CopyName(string name, byte* target)
    {
        for (int i = 0; i < name.Length && i < NameSize - 1; i++)
        {
            target[i] = (byte)name[i];
        }
    }

    internal struct LinkCreate
    {
        internal uint ProgramFd;
        internal uint TargetFd;
        internal uint AttachType;
        internal uint Flags;
        internal uint RelativeFd;
        internal uint Padding;
        internal ulong ExpectedRevision;
    }

    internal struct IteratorCreate
    {
        internal uint LinkFd;
        internal uint Flags;
    }

    internal struct ProgramQuery
    {
        internal uint Target;
        internal uint AttachType;
        internal uint QueryFlags;
        internal uint AttachFlags;
        internal ulong ProgramIds;
        internal uint Count;
        internal uint Padding;
        internal ulong ProgramAttachFlags;
        internal ulong LinkIds;
        internal ulong LinkAttachFlags;
        internal ulong Revision;
    }

    internal struct LinkUpdate
    {
        internal uint LinkFd;
        internal uint NewProgramFd;
        internal uint Flags;
        internal uint OldProgramFd;
    }

    internal struct LinkDetach
    {
        internal uint LinkFd;
    }

    /// <summary>struct bpf_link_info, up to what the link is attached to.</summary>
    internal struct LinkInfo
    {
        internal uint Type;
        internal uint Id;
        internal uint ProgramId;
        internal uint Padding;
        internal ulong Target;
        internal ulong More;
    }

    internal struct MapCreate
    {
        internal uint Type;
        internal uint KeySize;
        internal uint ValueSize;
        internal uint MaxEntries;
        internal uint Flags;
        internal uint InnerMapFd;
        internal uint NumaNode;
        internal fixed byte Name[NameSize];
        internal uint Ifindex;
        internal uint TypesFd;
        internal uint KeyType;
        internal uint ValueType;
    }

    internal struct Element
    {
        internal uint MapFd;
        internal uint Padding;
        internal ulong Key;
        internal ulong ValueOrNextKey;
        internal ulong Flags;
    }

    internal struct Batch
    {
        internal ulong In;
        internal ulong Out;
        internal ulong Keys;
        internal ulong Values;
        internal uint Count;
        internal uint MapFd;
        internal ulong ElementFlags;
        internal ulong Flags;
    }

    internal struct Pin
    {
        internal ulong Path;
        internal uint Fd;
        internal uint FileFlags;
    }

    internal struct ObjectInfo
    {
        internal uint Fd;
        internal uint Length;
        internal ulong Info;
    }

    internal struct GetById
    {
        internal uint Id;
        internal uint NextId;
        internal uint OpenFlags;
    }

    internal struct MapInfo
    {
        internal uint Type;
        internal uint Id;
        internal uint KeySize;
        internal uint ValueSize;
        internal uint MaxEntries;
        internal uint Flags;
        internal fixed byte Name[NameSize];
        internal uint Ifindex;
        internal uint KernelValueType;
        internal ulong NetworkDevice;
        internal ulong NetworkInode;
        internal uint TypesId;
        internal uint KeyType;
        internal uint ValueType;
        internal uint Padding;
    }

    /// <summary>struct bpf_btf_info.</summary>
    internal struct TypesInfo
    {
        internal ulong Types;
        internal uint Size;
        internal uint Id;
        internal ulong Name;
        internal uint NameLength;
        internal uint IsKernels;
    }

    internal struct ProgramInfo
    {
        internal uint Type;
        internal uint Id;
        internal ulong Tag;
        internal uint JitedLength;
        internal uint TranslatedLength;
    }

    internal struct TestRun
    {
        internal uint ProgramFd;
        internal uint ReturnValue;
        internal uint DataSizeIn;
        internal uint DataSizeOut;
        internal ulong DataIn;
        internal ulong DataOut;
        internal uint Repeat;
        internal uint Duration;
        internal uint ContextSizeIn;
        internal uint ContextSizeOut;
        internal ulong ContextIn;
        internal ulong ContextOut;
    }

    internal struct ProgramLoad
    {
        internal uint Type;
        internal uint InstructionCount;
        internal ulong Instructions;
        internal ulong License;
        internal uint LogLevel;
        internal uint LogSize;
        internal ulong LogBuffer;
    }
}
