// SPDX-License-Identifier: Apache-2.0
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>Another process, held so that its number cannot come to mean a third one.</summary>
public sealed class ProcessHandle : IDisposable
{
    private readonly FileDescriptor _process;

    private ProcessHandle(FileDescriptor process) => _process = process;

    /// <exception cref="LinuxException">ESRCH: there is none of that number.</exception>
    public static ProcessHandle Open(int pid)
    {
        int fd = Libc.ProcessOpen(pid);
        return fd >= 0 ? new ProcessHandle(new FileDescriptor(fd)) : throw LinuxException.Last($"pidfd_open {pid}");
    }

    /// <summary>A descriptor of this process for what <paramref name="number"/> is in the other.</summary>
    public FileDescriptor TakeDescriptor(int number)
    {
        int fd = Libc.ProcessGetDescriptor(_process.Number, number);
        return fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last($"pidfd_getfd {number}");
    }

    /// <summary>Whether it ends within that time.</summary>
    public bool WaitForEnd(TimeSpan timeout) => _process.WaitReadable(timeout);

    /// <param name="signal">signal(7).</param>
    public void Signal(int signal)
    {
        if (Libc.ProcessSignal(_process.Number, signal) != 0)
        {
            throw LinuxException.Last($"pidfd_send_signal {signal}");
        }
    }

    /// <summary>Makes this process independent of the terminal and the process group it was started in.</summary>
    public static void Detach() => _ = Libc.SetSession();

    /// <summary>Lets this process open as many files as it is allowed to; returns how many.</summary>
    public static unsafe long RaiseFileLimit()
    {
        const int OpenFiles = 7;
        ulong* limits = stackalloc ulong[2]; // soft, hard
        if (Libc.GetLimit(OpenFiles, limits) != 0)
        {
            return 0;
        }

        limits[0] = limits[1];
        _ = Libc.SetLimit(OpenFiles, limits);
        return (long)Math.Min(limits[0], long.MaxValue);
    }

    public void Dispose() => _process.Dispose();
}
