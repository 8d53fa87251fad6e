// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Weir.Bpf.Btf;
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>Tries what this kernel can do, by doing it.</summary>
public static unsafe class BpfFeatureProbe
{
    /// <summary>True where the kernel has BTF of itself.</summary>
    public static bool HasKernelTypes => File.Exists("/sys/kernel/btf/vmlinux");

    /// <summary>Creates a map and drops it. Null: it works; else why not.</summary>
    /// <param name="types">Of the object that declares it; null: without.</param>
    public static string? TryMap(BpfMapSpec spec, LoadedTypes? types = null)
    {
        try
        {
            BpfMap.Create(spec, types).Dispose();
            return null;
        }
        catch (LinuxException e)
        {
            return e.Message;
        }
    }

    /// <summary>Creates a map, writes and reads it in batches. Null: it works; else why not.</summary>
    public static string? TryBatch()
    {
        try
        {
            using BpfMap map = BpfMap.Create(new BpfMapSpec("probe_batch", BpfMapType.Hash, 4, 4, 4));
            map.UpdateBatch([1, 0, 0, 0, 2, 0, 0, 0], new byte[8], 2);
            int seen = 0;
            map.ForEachBatch((_, _, count) => seen += count);
            return seen == 2 ? null : $"{seen} of 2 entries were read back";
        }
        catch (LinuxException e)
        {
            return e.Message;
        }
    }

    /// <summary>Loads a tc program that does nothing. Null: it works; else why not.</summary>
    public static string? TryTrafficProgram() => TryLoad([MoveR0(0), Exit], out _);

    /// <summary>Asks the verifier whether tc programs may call a helper. Null: yes; else why not.</summary>
    /// <param name="helper">Its number in enum bpf_func_id.</param>
    public static string? TryTrafficHelper(int helper, string name)
    {
        // Wrong arguments are fine: the question is which complaint comes first.
        string? failure = TryLoad([Call(helper), MoveR0(0), Exit], out string log);
        return failure is null || !(log.Contains("unknown func", StringComparison.Ordinal) || log.Contains("invalid func", StringComparison.Ordinal) || log.Length == 0)
            ? null
            : $"helper {name} is missing: {failure}";
    }

    private static ulong Exit => 0x95;

    private static ulong MoveR0(uint value) => 0xb7 | ((ulong)value << 32);

    private static ulong Call(int helper) => 0x85 | ((ulong)(uint)helper << 32);

    private static string? TryLoad(ReadOnlySpan<ulong> instructions, out string log)
    {
        const uint TrafficClassifier = 3;
        byte[] buffer = new byte[16384];
        fixed (ulong* code = instructions)
        fixed (byte* license = "GPL\0"u8, text = buffer)
        {
            var attributes = new BpfSyscall.ProgramLoad
            {
                Type = TrafficClassifier,
                InstructionCount = (uint)instructions.Length,
                Instructions = (ulong)code,
                License = (ulong)license,
                LogLevel = 1,
                LogSize = (uint)buffer.Length,
                LogBuffer = (ulong)text,
            };
            int fd = BpfSyscall.Call(BpfCommand.ProgramLoad, ref attributes);
            log = Encoding.UTF8.GetString(buffer.AsSpan(0, Math.Max(0, buffer.AsSpan().IndexOf((byte)0))));
            if (fd >= 0)
            {
                new FileDescriptor(fd).Dispose();
                return null;
            }

            return new LinuxException(-fd, "load a tc program").Message;
        }
    }
}
