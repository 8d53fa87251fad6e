// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A program's attachment, kept by a pin. Where the pin is there already, the program takes the place of the
/// one before without a gap.</summary>
public static unsafe class BpfLink
{
    private const uint SocketLookup = 36; // BPF_SK_LOOKUP

    /// <summary>Makes the program choose sockets in the calling thread's namespace.</summary>
    public static void AttachSocketLookup(BpfProgram program, string pin)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (!Replace(program, pin))
        {
            using FileDescriptor target = NetworkNamespace.OpenCurrent();
            Create(program, target, SocketLookup, pin);
        }
    }

    /// <summary>Runs the program for the sockets of a cgroup and of all below, beside other programs there.</summary>
    /// <returns>True: in place of the one before, wherever that is attached.</returns>
    public static bool AttachCgroup(BpfProgram program, FileDescriptor cgroup, CgroupHook hook, string pin)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(cgroup);
        if (Replace(program, pin))
        {
            return true;
        }

        Create(program, cgroup, (uint)hook, pin);
        return false;
    }

    /// <summary>Detaches the program at once and removes the pin. False: there is no such pin.</summary>
    public static bool Detach(string pin)
    {
        using FileDescriptor? link = Open(pin);
        if (link is null)
        {
            return false;
        }

        // Where the cgroup is gone, so is the attachment.
        var detach = new BpfSyscall.LinkDetach { LinkFd = (uint)link.Number };
        BpfSyscall.Call(BpfCommand.LinkDetach, ref detach);
        File.Delete(pin);
        return true;
    }

    internal static bool Replace(BpfProgram program, string pin)
    {
        using FileDescriptor? link = Open(pin);
        if (link is null)
        {
            return false;
        }

        var update = new BpfSyscall.LinkUpdate { LinkFd = (uint)link.Number, NewProgramFd = (uint)program.Fd };
        int result = BpfSyscall.Call(BpfCommand.LinkUpdate, ref update);
        if (result == -Errno.NoLink)
        {
            // What it was attached to is gone.
            File.Delete(pin);
            return false;
        }

        Check(result, $"replace program {program.Name}");
        return true;
    }

    internal static FileDescriptor? Open(string pin)
    {
        fixed (byte* path = Encoding.UTF8.GetBytes(pin + "\0"))
        {
            var get = new BpfSyscall.Pin { Path = (ulong)path };
            int found = BpfSyscall.Call(BpfCommand.ObjectGet, ref get);
            return found >= 0 ? new FileDescriptor(found) : found == -Errno.NoEntry ? null : throw new LinuxException(-found, $"open the link at {pin}");
        }
    }

    internal static void Pin(FileDescriptor link, string pin)
    {
        fixed (byte* path = Encoding.UTF8.GetBytes(pin + "\0"))
        {
            var attributes = new BpfSyscall.Pin { Path = (ulong)path, Fd = (uint)link.Number };
            Check(BpfSyscall.Call(BpfCommand.ObjectPin, ref attributes), $"pin a link at {pin}");
        }
    }

    internal static int Check(int result, string what) => result >= 0 ? result : throw new LinuxException(-result, what);

    private static void Create(BpfProgram program, FileDescriptor target, uint type, string pin)
    {
        var create = new BpfSyscall.LinkCreate { ProgramFd = (uint)program.Fd, TargetFd = (uint)target.Number, AttachType = type };
        using var link = new FileDescriptor(Check(BpfSyscall.Call(BpfCommand.LinkCreate, ref create), $"attach program {program.Name}"));
        Pin(link, pin);
    }
}
