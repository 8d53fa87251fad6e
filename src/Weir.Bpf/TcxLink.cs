// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A program's attachment to what a device receives or sends (tcx, Linux 6.6): first in the chain, before all
/// others and before the filters of queueing disciplines. Devices are those of the calling thread's namespace.</summary>
public static unsafe class TcxLink
{
    private const uint Ingress = 46; // BPF_TCX_INGRESS
    private const uint Egress = 47; // BPF_TCX_EGRESS
    private const int Loopback = 1;

    private static readonly Lazy<bool> _isSupported = new(() => Query(Loopback, Ingress, out _, out _) is >= 0 or -Errno.NoEntry or -Errno.NoSpace);

    /// <summary>Whether this kernel has tcx.</summary>
    public static bool IsSupported => _isSupported.Value;

    /// <summary>Attaches the program. Where the pin is there already, it takes the place of the one before without a gap:
    /// in that one's link, or, where that is not first or attached to another device, by a link of its own.</summary>
    public static PinnedLink Attach(BpfProgram program, int ifindex, bool ingress, string pin)
    {
        ArgumentNullException.ThrowIfNull(program);
        PinnedLink? before = PinnedLink.Open(pin);
        if (before is not null && IsFirst(before, ifindex, ingress) && BpfLink.Replace(program, pin))
        {
            return before;
        }

        using FileDescriptor link = Create(program, ifindex, ingress);

        // The new one is in force: the pin moves to it, and the one before goes.
        string beside = pin + "_new";
        File.Delete(beside);
        BpfLink.Pin(link, beside);
        if (before is not null)
        {
            BpfLink.Detach(pin);
            before.Dispose();
        }

        File.Move(beside, pin, overwrite: true);
        return PinnedLink.Open(pin) ?? throw new LinuxException(Errno.NoEntry, $"open the link at {pin}");
    }

    /// <summary>Whether it is attached to that device, and no program runs before it.</summary>
    public static bool IsFirst(PinnedLink link, int ifindex, bool ingress)
    {
        ArgumentNullException.ThrowIfNull(link);
        int result = Query(ifindex, ingress ? Ingress : Egress, out uint first, out _);
        return result is >= 0 or -Errno.NoSpace && first == link.Id;
    }

    /// <summary>Whether a device has any such program, of whomever.</summary>
    public static bool HasAny(int ifindex, bool ingress) =>
        Query(ifindex, ingress ? Ingress : Egress, out _, out uint count) is >= 0 or -Errno.NoSpace && count > 0;

    private static FileDescriptor Create(BpfProgram program, int ifindex, bool ingress)
    {
        const uint Before = 1 << 3; // BPF_F_BEFORE: of no other, hence of all
        var create = new BpfSyscall.LinkCreate
        {
            ProgramFd = (uint)program.Fd,
            TargetFd = (uint)ifindex,
            AttachType = ingress ? Ingress : Egress,
            Flags = Before,
        };
        return new FileDescriptor(BpfLink.Check(
            BpfSyscall.Call(BpfCommand.LinkCreate, ref create), $"attach {program.Name} to {(ingress ? "ingress" : "egress")} of interface {ifindex}"));
    }

    /// <summary>Asks for the first link; 0: a program without a link is first, or none is there.</summary>
    private static int Query(int ifindex, uint type, out uint firstLink, out uint count)
    {
        uint program = 0;
        uint link = 0;
        var query = new BpfSyscall.ProgramQuery
        {
            Target = (uint)ifindex,
            AttachType = type,
            ProgramIds = (ulong)(&program),
            Count = 1,
            LinkIds = (ulong)(&link),
        };
        int result = BpfSyscall.Call(BpfCommand.ProgramQuery, ref query);
        firstLink = link;
        count = query.Count;
        return result;
    }
}
