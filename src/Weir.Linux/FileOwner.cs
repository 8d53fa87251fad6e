// SPDX-License-Identifier: Apache-2.0

using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>To whom a file belongs.</summary>
public readonly record struct FileOwner(uint User, uint Group)
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint UserAndGroup = 0x8 | 0x10; // STATX_UID | STATX_GID
    private const int StatWords = 64; // struct statx has 256 bytes
    private const int UserWord = 5;
    private const int GroupWord = 6;

    /// <summary>Null: it is not there, or no way leads to it for this process.</summary>
    public static unsafe FileOwner? Of(string path)
    {
        uint* stat = stackalloc uint[StatWords];
        return Libc.Stat(CurrentFolder, path, 0, UserAndGroup, stat) == 0 ? new FileOwner(stat[UserWord], stat[GroupWord]) : null;
    }
}
