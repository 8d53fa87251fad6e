// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A program that is run for each of the kernel's objects of a kind, and writes what a reader gets. Nothing is attached
/// beside.</summary>
public sealed class BpfIterator : IDisposable
{
    private const uint TraceIterator = 28; // BPF_TRACE_ITER

    private readonly FileDescriptor _link;
    private readonly string _name;

    /// <param name="program">One of type "iter/...", which walks all there are.</param>
    public BpfIterator(BpfProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        _name = program.Name;
        var create = new BpfSyscall.LinkCreate { ProgramFd = (uint)program.Fd, AttachType = TraceIterator };
        _link = new FileDescriptor(BpfLink.Check(BpfSyscall.Call(BpfCommand.LinkCreate, ref create), $"make program {_name} an iterator"));
    }

    /// <summary>Walks them once.</summary>
    /// <returns>All that the program wrote.</returns>
    public byte[] Read()
    {
        const int Most = 64 * 1024;
        var create = new BpfSyscall.IteratorCreate { LinkFd = (uint)_link.Number };
        using var walk = new FileDescriptor(BpfLink.Check(BpfSyscall.Call(BpfCommand.IteratorCreate, ref create), $"walk by program {_name}"));
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
