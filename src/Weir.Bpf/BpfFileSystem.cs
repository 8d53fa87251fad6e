// SPDX-License-Identifier: Apache-2.0

using Weir.Linux;

namespace Weir.Bpf;

/// <summary>The file system that pins live in.</summary>
public static class BpfFileSystem
{
    /// <summary>Where it is mounted by convention.</summary>
    public const string Root = "/sys/fs/bpf";

    /// <summary>Makes the folder, after mounting the file system if nobody has.</summary>
    public static void EnsureFolder(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.StartsWith(Root, StringComparison.Ordinal) && FileSystemMount.TypeOf(Root) != FileSystemMount.BpfMagic)
        {
            FileSystemMount.Mount("bpf", Root);
        }

        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (FileSystemMount.TypeOf(folder) != FileSystemMount.BpfMagic)
        {
            throw new IOException($"{folder} is not in a BPF file system; choose a folder below {Root}");
        }
    }
}
