// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A program's attachment, held by its pin and by this object: while the object lives, removing the pin does not
/// end it.</summary>
public sealed unsafe class PinnedLink : IDisposable
{
    private readonly FileDescriptor _link;

    private PinnedLink(FileDescriptor link, string pin)
    {
        _link = link;
        Pin = pin;
        Id = Ask().Id;
    }

    /// <summary>Where it is pinned, or should be.</summary>
    public string Pin { get; }

    /// <summary>The kernel's number for it.</summary>
    public uint Id { get; }

    /// <summary>The program that is attached; 0: it cannot be told.</summary>
    public uint Program => Ask().ProgramId;

    /// <summary>What it is attached to: a device's number, a namespace's, a cgroup's; 0: to nothing any more.</summary>
    public ulong Target => Ask().Target;

    public bool IsPinned => File.Exists(Pin);

    /// <returns>Null: there is no such pin.</returns>
    public static PinnedLink? Open(string pin) => BpfLink.Open(pin) is { } link ? new PinnedLink(link, pin) : null;

    /// <summary>Pins it again. Nothing happens if the pin is there.</summary>
    public void PinAgain()
    {
        if (!IsPinned)
        {
            BpfLink.Pin(_link, Pin);
        }
    }

    public void Dispose() => _link.Dispose();

    private BpfSyscall.LinkInfo Ask()
    {
        BpfSyscall.LinkInfo info = default;
        var attributes = new BpfSyscall.ObjectInfo { Fd = (uint)_link.Number, Length = (uint)sizeof(BpfSyscall.LinkInfo), Info = (ulong)(&info) };
        BpfLink.Check(BpfSyscall.Call(BpfCommand.ObjectGetInfo, ref attributes), $"ask about the link of {Pin}");

        // Behind a device's or a namespace's number is the kind of attachment; a cgroup's has 8 bytes.
        const uint Cgroup = 3; // BPF_LINK_TYPE_CGROUP
        return info.Type == Cgroup ? info : info with { Target = (uint)info.Target };
    }
}
