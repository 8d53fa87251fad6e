// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A program that is run for each entry of a map, and writes what a reader gets. Nothing is attached beside.</summary>
public sealed unsafe class BpfIterator : IDisposable
{
    private const uint TraceIterator = 28; // BPF_TRACE_ITER

    private readonly FileDescriptor _link;
    private readonly string _name;

    /// <param name="program">One of type "iter/...", for maps of that type.</param>
    public BpfIterator(BpfProgram program, BpfMap map)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(map);
        _name = program.Name;
        ulong* info = stackalloc ulong[2]; // union bpf_iter_link_info
        info[0] = (uint)map.Fd;
        info[1] = 0;
        var create = new BpfSyscall.LinkCreateIterator { ProgramFd = (uint)program.Fd, AttachType = TraceIterator, Info = (ulong)info, InfoLength = 2 * sizeof(ulong) };
        _link = new FileDescriptor(BpfLink.Check(BpfSyscall.Call(BpfCommand.LinkCreate, ref create), $"make program {_name} read map {map.Name}"));
    }

    /// <summary>Walks the map once.</summary>
    /// <returns>All that the program wrote.</returns>
    public byte[] Read()
    {
        const int Most = 64 * 1024;
        var create = new BpfSyscall.IteratorCreate { LinkFd = (uint)_link.Number };
        using var walk = new FileDescriptor(BpfLink.Check(BpfSyscall.Call(BpfCommand.IteratorCreate, ref create), $"walk a map by program {_name}"));
        using var all = new MemoryStream();
        byte[] part = new byte[Most];
        for (int got = walk.Read(part); got > 0; got = walk.Read(part))
        {
            all.Write(part, 0, got);
        }

        return all.ToArray();
    }

    public void Dispose() => _link.Dispose();
}
