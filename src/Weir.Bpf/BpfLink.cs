// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Bpf.Interop;
using Weir.Linux;
using Weir.Linux.Netlink;

namespace Weir.Bpf;

/// <summary>A program's attachment to a network namespace or a device, kept by a pin.</summary>
public static unsafe class BpfLink
{
    private const uint SocketLookup = 36; // BPF_SK_LOOKUP
    private const uint Xdp = 37; // BPF_XDP

    /// <summary>Makes the program choose sockets in the calling thread's namespace. Where the pin is there already, the
    /// program takes the place of the one before without a gap.</summary>
    public static void AttachSocketLookup(BpfProgram program, string pin)
    {
        ArgumentNullException.ThrowIfNull(program);
        using FileDescriptor? existing = OpenPinned(pin);
        if (existing is not null)
        {
            var update = new BpfSyscall.LinkUpdate { LinkFd = (uint)existing.Number, NewProgramFd = (uint)program.Fd };
            Check(BpfSyscall.Call(BpfCommand.LinkUpdate, ref update), $"replace program {program.Name}");
            return;
        }

        using FileDescriptor target = NetworkNamespace.OpenCurrent();
        var create = new BpfSyscall.LinkCreate { ProgramFd = (uint)program.Fd, TargetFd = (uint)target.Number, AttachType = SocketLookup };
        using var link = new FileDescriptor(Check(BpfSyscall.Call(BpfCommand.LinkCreate, ref create), $"attach program {program.Name}"));
        PinLink(link, pin, program.Name);
    }

    /// <summary>Makes the program see every frame that a device of the calling thread's namespace receives, in the
    /// driver if it can, else in the stack. Where the pin is there already, the program takes the place of the one
    /// before without a gap, unless the device that one was attached to is gone.</summary>
    public static XdpMode AttachXdp(BpfProgram program, int ifindex, string pin)
    {
        ArgumentNullException.ThrowIfNull(program);
        using (FileDescriptor? existing = OpenPinned(pin))
        {
            if (existing is not null && IsOn(existing, ifindex))
            {
                var update = new BpfSyscall.LinkUpdate { LinkFd = (uint)existing.Number, NewProgramFd = (uint)program.Fd };
                int result = BpfSyscall.Call(BpfCommand.LinkUpdate, ref update);
                if (result >= 0)
                {
                    return ModeOf(ifindex);
                }

                if (-result is not (Errno.NoLink or Errno.NoDevice))
                {
                    Check(result, $"replace program {program.Name}");
                }
            }
        }

        // A link whose device went is nobody's.
        File.Delete(pin);
        (FileDescriptor link, XdpMode mode) = CreateXdp(program, ifindex);
        using (link)
        {
            PinLink(link, pin, program.Name);
        }

        return mode;
    }

    /// <summary>Takes the program that the pin keeps off its device. Nothing happens where there is no pin.</summary>
    public static void DetachXdp(string pin)
    {
        using FileDescriptor? link = OpenPinned(pin);
        if (link is null)
        {
            return;
        }

        // Others may hold the link: it ends now, not with the last of them.
        var detach = new BpfSyscall.LinkDetach { LinkFd = (uint)link.Number };
        int result = BpfSyscall.Call(BpfCommand.LinkDetach, ref detach);
        if (result < 0 && -result is not (Errno.NoLink or Errno.NoDevice))
        {
            Check(result, $"detach the program of {pin}");
        }

        File.Delete(pin);
    }

    private static (FileDescriptor Link, XdpMode Mode) CreateXdp(BpfProgram program, int ifindex)
    {
        const uint GenericMode = 2; // XDP_FLAGS_SKB_MODE
        const uint DriverMode = 4; // XDP_FLAGS_DRV_MODE
        int link = CreateXdp(program, ifindex, DriverMode);
        if (link >= 0)
        {
            return (new FileDescriptor(link), XdpMode.Native);
        }

        // Drivers refuse in many words: no such feature, an MTU too big for a page, too few queues.
        return -link is Errno.NoDevice or Errno.NotPermitted or Errno.Busy
            ? throw new LinuxException(-link, $"attach {program.Name} to interface {ifindex}")
            : (new FileDescriptor(Check(CreateXdp(program, ifindex, GenericMode), $"attach {program.Name} to interface {ifindex}")), XdpMode.Generic);
    }

    private static int CreateXdp(BpfProgram program, int ifindex, uint mode)
    {
        var create = new BpfSyscall.LinkCreate { ProgramFd = (uint)program.Fd, TargetFd = (uint)ifindex, AttachType = Xdp, Flags = mode };
        return BpfSyscall.Call(BpfCommand.LinkCreate, ref create);
    }

    private static XdpMode ModeOf(int ifindex)
    {
        const byte AttachedInDriver = 1; // XDP_ATTACHED_DRV
        using var links = new RtnetlinkSocket();
        return links.GetXdpAttachment(ifindex) == AttachedInDriver ? XdpMode.Native : XdpMode.Generic;
    }

    private static FileDescriptor? OpenPinned(string pin)
    {
        fixed (byte* path = Encoding.UTF8.GetBytes(pin + "\0"))
        {
            var get = new BpfSyscall.Pin { Path = (ulong)path };
            int found = BpfSyscall.Call(BpfCommand.ObjectGet, ref get);
            return found switch
            {
                >= 0 => new FileDescriptor(found),
                -Errno.NoEntry => null,
                _ => throw new LinuxException(-found, $"open pinned link {pin}"),
            };
        }
    }

    private static void PinLink(FileDescriptor link, string pin, string program)
    {
        fixed (byte* path = Encoding.UTF8.GetBytes(pin + "\0"))
        {
            var attributes = new BpfSyscall.Pin { Path = (ulong)path, Fd = (uint)link.Number };
            Check(BpfSyscall.Call(BpfCommand.ObjectPin, ref attributes), $"pin the link of {program} at {pin}");
        }
    }

    /// <summary>Is it the link of that device? That of a device that went has none.</summary>
    private static bool IsOn(FileDescriptor link, int ifindex)
    {
        BpfSyscall.XdpLinkInfo info = default;
        var attributes = new BpfSyscall.ObjectInfo { Fd = (uint)link.Number, Length = (uint)sizeof(BpfSyscall.XdpLinkInfo), Info = (ulong)(&info) };
        Check(BpfSyscall.Call(BpfCommand.ObjectGetInfo, ref attributes), "ask about a link");
        return info.Ifindex == (uint)ifindex;
    }

    private static int Check(int result, string what) => result >= 0 ? result : throw new LinuxException(-result, what);
}
