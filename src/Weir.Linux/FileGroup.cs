// SPDX-License-Identifier: Apache-2.0

using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>Groups of the machine, and what belongs to them.</summary>
public static class FileGroup
{
    /// <summary>The number of a group in /etc/group, or null.</summary>
    public static uint? Find(string name) => File.Exists("/etc/group")
        ? File.ReadLines("/etc/group")
            .Select(line => line.Split(':'))
            .Where(fields => fields.Length >= 3 && fields[0] == name)
            .Select(fields => uint.TryParse(fields[2], out uint id) ? id : (uint?)null)
            .FirstOrDefault()
        : null;

    /// <summary>The name of the group that a file belongs to; null: it cannot be told.</summary>
    public static string? NameOf(string path) => FileOwner.Of(path) is { } owner ? AccountNames.Group(owner.Group) : null;

    /// <summary>Gives a file to a group. Throws <see cref="LinuxException"/>.</summary>
    public static void Set(string path, uint group)
    {
        if (Libc.ChangeOwner(path, uint.MaxValue, group) != 0)
        {
            throw LinuxException.Last($"give {path} to group {group}");
        }
    }
}
