// SPDX-License-Identifier: Apache-2.0
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>An eventfd: wakes a thread that waits in <see cref="Epoll"/>.</summary>
public sealed class WakeUp : IDisposable
{
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private readonly FileDescriptor _event;

    public WakeUp()
    {
        int fd = Libc.EventFd(0, NonBlocking | CloseOnExec);
        _event = fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("eventfd");
    }

    /// <summary>Readable after <see cref="Signal"/>.</summary>
    public int Number => _event.Number;

    public unsafe void Signal()
    {
        ulong one = 1;
        _ = Libc.WriteFile(_event.Number, &one, sizeof(ulong));
    }

    /// <summary>Until the next signal.</summary>
    public unsafe void Clear()
    {
        ulong count;
        _ = Libc.ReadFile(_event.Number, &count, sizeof(ulong));
    }

    public void Dispose() => _event.Dispose();
}
