// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>A pid file held by flock(2): one process at a time, released by the kernel if it dies.</summary>
public sealed class FileLock : IDisposable
{
    private const int ReadWriteCreate = 0x2 | 0x40 | 0x80000; // O_RDWR | O_CREAT | O_CLOEXEC
    private const int ExclusiveNonBlocking = 2 | 4; // LOCK_EX | LOCK_NB

    private readonly FileDescriptor _file;

    private FileLock(FileDescriptor file) => _file = file;

    /// <summary>Takes the lock and writes this process's id into the file. The lock's holder, if there
    /// is one, is named in the <see cref="LinuxException"/> (EAGAIN).</summary>
    public static FileLock Acquire(string path)
    {
        int fd = Libc.Open(path, ReadWriteCreate, 0x1a4 /* 0644 */);
        if (fd < 0)
        {
            throw LinuxException.Last($"open lock file {path}");
        }

        var file = new FileDescriptor(fd);
        if (Libc.Flock(fd, ExclusiveNonBlocking) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            int? holder = ReadHolder(fd);
            file.Dispose();
            throw new LinuxException(errno, $"lock {path}", holder is { } pid ? $"held by process {pid}" : null);
        }

        WriteHolder(fd, path);
        return new FileLock(file);
    }

    /// <summary>The same with a folder that is there, which can hold no id.</summary>
    public static FileLock AcquireFolder(string path)
    {
        FileDescriptor folder = FileDescriptor.OpenRead(path);
        if (Libc.Flock(folder.Number, ExclusiveNonBlocking) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            folder.Dispose();
            throw new LinuxException(errno, $"lock {path}", "another process uses what is in it");
        }

        return new FileLock(folder);
    }

    public void Dispose() => _file.Dispose();

    private static unsafe int? ReadHolder(int fd)
    {
        byte* text = stackalloc byte[16];
        int length = (int)Libc.Read(fd, text, 16, 0);
        return length > 0 && Utf8Parser.TryParse(new ReadOnlySpan<byte>(text, length), out int pid, out _) ? pid : null;
    }

    private static unsafe void WriteHolder(int fd, string path)
    {
        byte[] text = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
        fixed (byte* p = text)
        {
            // The process is named for people only: a full disk is no reason to go without the lock.
            if ((Libc.Truncate(fd, 0) != 0 || Libc.Write(fd, p, (nuint)text.Length, 0) != text.Length) && LinuxException.LastNumber != Errno.NoSpace)
            {
                throw LinuxException.Last($"write {path}");
            }
        }
    }
}
