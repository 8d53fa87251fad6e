// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf.Interop;
using Weir.Linux;
using Weir.Linux.Netlink;

namespace Weir.Bpf;

/// <summary>An XDP program's attachment to a device, kept by a pin.</summary>
public static unsafe class XdpLink
{
    private const uint Xdp = 37; // BPF_XDP

    /// <summary>Makes the program see every frame that a device of the calling thread's namespace receives, in the
    /// driver if it can, else in the stack. Where the pin is there already, the program takes the place of the one
    /// before without a gap, unless the device that one was attached to is gone, or it runs elsewhere than wanted.</summary>
    /// <param name="wanted">Null: in the driver if it can.</param>
    public static XdpMode Attach(BpfProgram program, int ifindex, string pin, XdpMode? wanted = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (!IsOn(pin, ifindex) || (wanted is not null && ModeOf(ifindex) != wanted))
        {
            BpfLink.Detach(pin);
        }
        else if (BpfLink.Replace(program, pin))
        {
            return ModeOf(ifindex);
        }

        (FileDescriptor link, XdpMode mode) = Create(program, ifindex, wanted);
        using (link)
        {
            BpfLink.Pin(link, pin);
        }

        return mode;
    }

    /// <summary>How the link that is pinned there runs on that device; null: none does.</summary>
    public static XdpMode? Find(int ifindex, string pin) => IsOn(pin, ifindex) ? ModeOf(ifindex) : null;

    private static (FileDescriptor Link, XdpMode Mode) Create(BpfProgram program, int ifindex, XdpMode? wanted)
    {
        const uint GenericMode = 2; // XDP_FLAGS_SKB_MODE
        const uint DriverMode = 4; // XDP_FLAGS_DRV_MODE
        string what = $"attach program {program.Name} to interface {ifindex}";
        int link = wanted == XdpMode.Generic ? -Errno.NotSupported : Create(program, ifindex, DriverMode);
        if (link >= 0 || wanted == XdpMode.Native)
        {
            return (new FileDescriptor(BpfLink.Check(link, what)), XdpMode.Native);
        }

        // Drivers refuse in many words: no such feature, an MTU too big for a page, too few queues.
        return -link is Errno.NoDevice or Errno.NotPermitted or Errno.Busy
            ? throw new LinuxException(-link, what)
            : (new FileDescriptor(BpfLink.Check(Create(program, ifindex, GenericMode), what)), XdpMode.Generic);
    }

    private static int Create(BpfProgram program, int ifindex, uint mode)
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

    /// <summary>Is it the link of that device? That of a device that went has none.</summary>
    private static bool IsOn(string pin, int ifindex)
    {
        using PinnedLink? link = PinnedLink.Open(pin);
        return link?.Target == (ulong)ifindex;
    }
}
