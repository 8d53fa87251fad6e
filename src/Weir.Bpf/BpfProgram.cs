// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>A loaded program. Its descriptor belongs to the object it came from.</summary>
public sealed unsafe class BpfProgram
{
    internal BpfProgram(string name, int fd)
    {
        Name = name;
        Fd = fd;
    }

    /// <summary>The same program by a descriptor that outlives the object.</summary>
    public BpfProgram By(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return new BpfProgram(Name, descriptor.Number);
    }

    public string Name { get; }

    public int Fd { get; }

    /// <summary>The kernel's number for it.</summary>
    public uint Id => Ask().Id;

    /// <summary>Bytes of the program after the verifier removed what it proved dead (8 per instruction).</summary>
    public int TranslatedLength => (int)Ask().TranslatedLength;

    /// <summary>Runs the program on a packet (BPF_PROG_TEST_RUN), nothing leaves the machine.</summary>
    /// <param name="packet">At least an Ethernet header: 14 bytes.</param>
    /// <param name="output">Gets the packet as the program left it; may be empty.</param>
    /// <param name="repeat">How often; the result is the last run's, the time the mean.</param>
    /// <param name="context">For tc a struct __sk_buff, or empty: as if received on the loopback.</param>
    /// <param name="contextOutput">Gets the context as the program left it; may be empty.</param>
    public TestRunResult TestRun(
        ReadOnlySpan<byte> packet, Span<byte> output = default, int repeat = 1, ReadOnlySpan<byte> context = default, Span<byte> contextOutput = default)
    {
        fixed (byte* input = packet, result = output, contextIn = context, contextOut = contextOutput)
        {
            var attributes = new BpfSyscall.TestRun
            {
                ProgramFd = (uint)Fd,
                DataSizeIn = (uint)packet.Length,
                DataIn = (ulong)input,
                DataSizeOut = (uint)output.Length,
                DataOut = (ulong)result,
                Repeat = (uint)repeat,
                ContextSizeIn = (uint)context.Length,
                ContextIn = (ulong)contextIn,
                ContextSizeOut = (uint)contextOutput.Length,
                ContextOut = (ulong)contextOut,
            };
            int errno = -BpfSyscall.Call(BpfCommand.ProgramTestRun, ref attributes);
            return errno <= 0
                ? new TestRunResult(attributes.ReturnValue, attributes.Duration, (int)attributes.DataSizeOut)
                : throw new LinuxException(errno, $"test run program {Name}");
        }
    }

    /// <summary>Runs a program of the type that nothing but this runs (BPF_PROG_TYPE_SYSCALL).</summary>
    /// <param name="context">What it is asked.</param>
    /// <returns>What it returned.</returns>
    public uint Run(ReadOnlySpan<byte> context) => TestRun([], repeat: 0, context: context).ReturnValue;

    private BpfSyscall.ProgramInfo Ask()
    {
        BpfSyscall.ProgramInfo info = default;
        var attributes = new BpfSyscall.ObjectInfo { Fd = (uint)Fd, Length = (uint)sizeof(BpfSyscall.ProgramInfo), Info = (ulong)(&info) };
        int result = BpfSyscall.Call(BpfCommand.ObjectGetInfo, ref attributes);
        return result >= 0 ? info : throw new LinuxException(-result, $"ask about program {Name}");
    }
}
