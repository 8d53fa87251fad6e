// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>epoll(7), level-triggered. One thread waits; any thread may change what is watched.</summary>
public sealed class Epoll : IDisposable
{
    private const int CloseOnExec = 0x80000;
    private const int OperationAdd = 1;
    private const int OperationRemove = 2;
    private const int OperationModify = 3;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int _tokenOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int _stride = _tokenOffset + sizeof(ulong);

    private readonly FileDescriptor _epoll;

    public Epoll()
    {
        int fd = Libc.EpollCreate(CloseOnExec);
        _epoll = fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("epoll_create1");
    }

    /// <param name="token">Comes back with each event.</param>
    public void Add(int fd, EpollEvents events, ulong token) => Control(OperationAdd, fd, events, token);

    public void Modify(int fd, EpollEvents events, ulong token) => Control(OperationModify, fd, events, token);

    /// <summary>Closing the last descriptor of a file removes it as well.</summary>
    public void Remove(int fd) => Control(OperationRemove, fd, 0, 0);

    /// <param name="events">Room for at most some hundreds.</param>
    /// <param name="milliseconds">-1: without end.</param>
    /// <returns>How many events there are; 0 also when a signal came.</returns>
    public unsafe int Wait(Span<EpollEvent> events, int milliseconds)
    {
        byte* raw = stackalloc byte[events.Length * _stride];
        int count = Libc.EpollWait(_epoll.Number, raw, events.Length, milliseconds);
        if (count < 0)
        {
            return LinuxException.LastNumber == Errno.Interrupted ? 0 : throw LinuxException.Last("epoll_wait");
        }

        for (int i = 0; i < count; i++)
        {
            byte* e = raw + (i * _stride);
            events[i] = new EpollEvent(*(EpollEvents*)e, *(ulong*)(e + _tokenOffset));
        }

        return count;
    }

    public void Dispose() => _epoll.Dispose();

    private unsafe void Control(int operation, int fd, EpollEvents events, ulong token)
    {
        byte* e = stackalloc byte[_stride];
        *(EpollEvents*)e = events;
        *(ulong*)(e + _tokenOffset) = token;
        if (Libc.EpollControl(_epoll.Number, operation, fd, e) != 0)
        {
            throw LinuxException.Last($"epoll_ctl {fd}");
        }
    }
}
