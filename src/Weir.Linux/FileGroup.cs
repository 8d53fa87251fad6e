// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
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

    /// <summary>Lets several groups read and write a file, beside its owner, and nobody else. Throws <see cref="LinuxException"/>; EOPNOTSUPP: the
    /// file system has no access control lists.</summary>
    public static unsafe void Admit(string path, params ReadOnlySpan<uint> groups)
    {
        // linux/posix_acl_xattr.h: a version, then entries of tag, rights and id in the order of tags and ids.
        const uint Version = 2;
        const ushort Owner = 0x01, OwnersGroup = 0x04, Group = 0x08, Mask = 0x10, Others = 0x20;
        const ushort ReadWrite = 6;
        const int HeadBytes = 4, EntryBytes = 8;
        (ushort Tag, ushort Rights, uint Id)[] entries =
        [
            (Owner, ReadWrite, uint.MaxValue),
            (OwnersGroup, 0, uint.MaxValue),
            .. groups.ToArray().Distinct().Order().Select(group => (Group, ReadWrite, group)),
            (Mask, ReadWrite, uint.MaxValue),
            (Others, (ushort)0, uint.MaxValue),
        ];
        byte[] list = new byte[HeadBytes + (EntryBytes * entries.Length)];
        BinaryPrimitives.WriteUInt32LittleEndian(list, Version);
        for (int i = 0; i < entries.Length; i++)
        {
            Span<byte> entry = list.AsSpan(HeadBytes + (EntryBytes * i));
            BinaryPrimitives.WriteUInt16LittleEndian(entry, entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], entries[i].Rights);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], entries[i].Id);
        }

        fixed (byte* value = list)
        {
            if (Libc.SetAttribute(path, "system.posix_acl_access", value, (nuint)list.Length, 0) != 0)
            {
                throw LinuxException.Last($"let groups {string.Join(", ", groups.ToArray())} use {path}");
            }
        }
    }
}
