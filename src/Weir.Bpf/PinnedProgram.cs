// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A program that is found by its pin, to be run by whoever asks (BPF_PROG_TYPE_SYSCALL).</summary>
public sealed unsafe class PinnedProgram : IDisposable
{
    private readonly FileDescriptor _descriptor;
    private readonly BpfProgram _program;

    private PinnedProgram(string pin, FileDescriptor descriptor)
    {
        _descriptor = descriptor;
        _program = new BpfProgram(Path.GetFileName(pin), descriptor.Number);
    }

    /// <summary>The kernel's number for it.</summary>
    public uint Id => _program.Id;

    /// <summary>Pins a loaded program, in place of what is pinned there.</summary>
    public static void Pin(BpfProgram program, string pin)
    {
        ArgumentNullException.ThrowIfNull(program);
        string beside = pin + "_new"; // no dots: the file system of pins keeps them for itself
        File.Delete(beside);
        fixed (byte* path = Encoding.UTF8.GetBytes(beside + "\0"))
        {
            var attributes = new BpfSyscall.Pin { Path = (ulong)path, Fd = (uint)program.Fd };
            BpfLink.Check(BpfSyscall.Call(BpfCommand.ObjectPin, ref attributes), $"pin program {program.Name} at {pin}");
        }

        File.Move(beside, pin, overwrite: true);
    }

    /// <summary>Null: nothing is pinned there.</summary>
    public static PinnedProgram? Open(string pin)
    {
        fixed (byte* path = Encoding.UTF8.GetBytes(pin + "\0"))
        {
            var attributes = new BpfSyscall.Pin { Path = (ulong)path };
            int fd = BpfSyscall.Call(BpfCommand.ObjectGet, ref attributes);
            return fd switch
            {
                >= 0 => new PinnedProgram(pin, new FileDescriptor(fd)),
                -Errno.NoEntry => null,
                _ => throw new LinuxException(-fd, $"open pinned program {pin}"),
            };
        }
    }

    /// <summary>Runs it once.</summary>
    /// <param name="context">What it is asked.</param>
    /// <returns>What it returned.</returns>
    public uint Run(ReadOnlySpan<byte> context) => _program.Run(context);

    public void Dispose() => _descriptor.Dispose();
}
