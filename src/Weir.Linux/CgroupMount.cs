// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux;

/// <summary>The tree of cgroup2 as this process sees it.</summary>
public static class CgroupMount
{
    private const string Type = "cgroup2";

    /// <summary>Where the root is mounted; null: nowhere.</summary>
    public static string? FindRoot() => FindRoot(File.ReadLines("/proc/self/mountinfo"));

    /// <summary>Opens the root. Where it is mounted nowhere, it is for a moment at the folder, which must not be in use.</summary>
    public static FileDescriptor OpenRoot(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (FindRoot() is { } mounted)
        {
            return FileDescriptor.OpenRead(mounted);
        }

        bool made = !Directory.Exists(folder);
        Directory.CreateDirectory(folder);
        FileSystemMount.Mount(Type, folder);
        try
        {
            return FileDescriptor.OpenRead(folder);
        }
        finally
        {
            FileSystemMount.Unmount(folder);
            if (made)
            {
                Directory.Delete(folder);
            }
        }
    }

    /// <summary>The same by lines of mountinfo (proc_pid_mountinfo(5)). Mounts of a part of the tree, or of more than
    /// this process's namespace shows, are not it.</summary>
    internal static string? FindRoot(IEnumerable<string> lines)
    {
        const int Root = 3;
        const int Target = 4;
        string? found = null;
        foreach (string line in lines)
        {
            string[] fields = line.Split(' ');
            int type = Array.IndexOf(fields, "-") + 1;
            if (type > Target && type < fields.Length && fields[type] == Type && fields[Root] == "/")
            {
                // A later mount at the same place covers the earlier.
                found = fields[Target].Replace("\\040", " ", StringComparison.Ordinal);
            }
        }

        return found;
    }
}
