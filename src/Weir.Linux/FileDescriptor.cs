// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>An owned file descriptor, closed on dispose.</summary>
public sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    private const int ReadOnly = 0;
    private const int CloseOnExec = 0x80000;
    private const int DuplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC

    /// <summary>Takes ownership of an open descriptor.</summary>
    public FileDescriptor(int number)
        : base(ownsHandle: true) => SetHandle(number);

    /// <summary>The number, valid until dispose.</summary>
    public int Number => IsClosed ? throw new ObjectDisposedException(nameof(FileDescriptor)) : (int)handle;

    /// <summary>Gives the number to the caller, who closes it.</summary>
    public int Release()
    {
        int number = Number;
        SetHandleAsInvalid();
        return number;
    }

    /// <summary>Another number for what is open under one of somebody else's.</summary>
    /// <exception cref="LinuxException">There are too many.</exception>
    public static FileDescriptor Duplicate(int number)
    {
        int fd = Libc.Fcntl(number, DuplicateCloseOnExec, 0);
        return fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last($"duplicate descriptor {number}");
    }

    /// <summary>Opens a file or folder for reading. Throws <see cref="LinuxException"/>.</summary>
    public static FileDescriptor OpenRead(string path)
    {
        int fd = Libc.Open(path, ReadOnly | CloseOnExec, 0);
        return fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last($"open {path}");
    }

    /// <summary>Returns when the file, or a folder's list of names, is on disk.</summary>
    public void Sync()
    {
        if (Libc.Sync(Number) != 0)
        {
            throw LinuxException.Last("fsync");
        }
    }

    /// <summary>Reads what comes next. Interrupted calls are repeated.</summary>
    /// <returns>How many bytes; 0: there is no more.</returns>
    /// <exception cref="LinuxException">It cannot be read.</exception>
    public unsafe int Read(Span<byte> target)
    {
        fixed (byte* p = target)
        {
            while (true)
            {
                nint got = Libc.ReadNext(Number, p, (nuint)target.Length);
                if (got >= 0)
                {
                    return (int)got;
                }

                if (Marshal.GetLastPInvokeError() != Errno.Interrupted)
                {
                    throw LinuxException.Last("read");
                }
            }
        }
    }

    /// <summary>Waits until something can be read. False: the time is over, or a signal came.</summary>
    public unsafe bool WaitReadable(TimeSpan timeout)
    {
        const int PollIn = 1;
        long descriptor = (uint)Number | ((long)PollIn << 32);
        return Libc.Poll(&descriptor, 1, (int)Math.Ceiling(timeout.TotalMilliseconds)) > 0;
    }

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
