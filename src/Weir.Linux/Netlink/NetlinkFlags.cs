// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux.Netlink;

/// <summary>Flags of a netlink message (linux/netlink.h).</summary>
internal static class NetlinkFlags
{
    internal const ushort Request = 0x1;
    internal const ushort Ack = 0x4;
    internal const ushort DumpInterrupted = 0x10;
    internal const ushort Replace = 0x100;
    internal const ushort Exclusive = 0x200;
    internal const ushort Dump = 0x300;
    internal const ushort Create = 0x400;
    internal const ushort Append = 0x800;

    /// <summary>In an answer: the refused request is not repeated in it.</summary>
    internal const ushort Capped = 0x100;

    /// <summary>In an answer: attributes explain the refusal.</summary>
    internal const ushort AckAttributes = 0x200;
}
