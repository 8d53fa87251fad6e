// SPDX-License-Identifier: Apache-2.0

using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>Mounted file systems, as far as they are needed here.</summary>
public static class FileSystemMount
{
    /// <summary>statfs(2)'s type of a BPF file system.</summary>
    public const long BpfMagic = 0xcafe4a11;

    /// <summary>The type of the file system that holds a path, or null if the path is not there.</summary>
    public static unsafe long? TypeOf(string path)
    {
        long* status = stackalloc long[16]; // struct statfs has 120 bytes; f_type is its first word
        return Libc.StatFileSystem(path, status) == 0 ? status[0] : null;
    }

    /// <summary>Mounts a file system without a device. Throws <see cref="LinuxException"/>.</summary>
    public static void Mount(string type, string target)
    {
        if (Libc.Mount(type, target, type, 0, null) != 0)
        {
            throw LinuxException.Last($"mount {type} at {target}");
        }
    }

    /// <summary>Takes a mount away; who uses it may go on. Throws <see cref="LinuxException"/>.</summary>
    public static void Unmount(string target)
    {
        const int Detach = 2; // MNT_DETACH
        if (Libc.Unmount(target, Detach) != 0)
        {
            throw LinuxException.Last($"unmount {target}");
        }
    }
}
