// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A program's attachment to a network namespace, kept by a pin.</summary>
public static unsafe class BpfLink
{
    private const uint SocketLookup = 36; // BPF_SK_LOOKUP

    /// <summary>Makes the program choose sockets in the calling thread's namespace. Where the pin is there already, the
    /// program takes the place of the one before without a gap.</summary>
    public static void AttachSocketLookup(BpfProgram program, string pin)
    {
        ArgumentNullException.ThrowIfNull(program);
        fixed (byte* path = Encoding.UTF8.GetBytes(pin + "\0"))
        {
            var get = new BpfSyscall.Pin { Path = (ulong)path };
            int found = BpfSyscall.Call(BpfCommand.ObjectGet, ref get);
            if (found >= 0)
            {
                using var existing = new FileDescriptor(found);
                var update = new BpfSyscall.LinkUpdate { LinkFd = (uint)found, NewProgramFd = (uint)program.Fd };
                Check(BpfSyscall.Call(BpfCommand.LinkUpdate, ref update), $"replace program {program.Name}");
                return;
            }

            using FileDescriptor target = NetworkNamespace.OpenCurrent();
            var create = new BpfSyscall.LinkCreate { ProgramFd = (uint)program.Fd, TargetFd = (uint)target.Number, AttachType = SocketLookup };
            using var link = new FileDescriptor(Check(BpfSyscall.Call(BpfCommand.LinkCreate, ref create), $"attach program {program.Name}"));
            var attributes = new BpfSyscall.Pin { Path = (ulong)path, Fd = (uint)link.Number };
            Check(BpfSyscall.Call(BpfCommand.ObjectPin, ref attributes), $"pin the link of {program.Name} at {pin}");
        }
    }

    private static int Check(int result, string what) => result >= 0 ? result : throw new LinuxException(-result, what);
}
