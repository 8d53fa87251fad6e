// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

// The fixed parts of rtnetlink's messages (linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h).

internal static class RouteMessageType
{
    internal const ushort NewLink = 16;
    internal const ushort DeleteLink = 17;
    internal const ushort GetLink = 18;
    internal const ushort NewAddress = 20;
    internal const ushort DeleteAddress = 21;
    internal const ushort GetAddress = 22;
    internal const ushort NewRoute = 24;
    internal const ushort DeleteRoute = 25;
    internal const ushort GetRoute = 26;
    internal const ushort NewNeighbour = 28;
    internal const ushort GetNeighbour = 30;
    internal const ushort NewRule = 32;
    internal const ushort DeleteRule = 33;
    internal const ushort GetRule = 34;
    internal const ushort NewQdisc = 36;
    internal const ushort DeleteQdisc = 37;
    internal const ushort GetQdisc = 38;
    internal const ushort NewFilter = 44;
    internal const ushort DeleteFilter = 45;
    internal const ushort GetFilter = 46;
}

/// <summary>struct ifinfomsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LinkMessage
{
    internal const uint FlagUp = 1;
    internal const uint FlagNoArp = 0x80;

    internal byte Family;
    internal byte Padding;
    internal ushort Type;
    internal int Index;
    internal uint Flags;
    internal uint Change;
}

/// <summary>struct ifaddrmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AddressMessage
{
    internal byte Family;
    internal byte PrefixLength;
    internal byte Flags;
    internal byte Scope;
    internal int Index;
}

/// <summary>struct rtmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RouteMessage
{
    internal const byte TableMain = 254;

    /// <summary>RTPROT_KERNEL: managers of the network leave such routes and rules alone.</summary>
    internal const byte ProtocolKernel = 2;

    internal const byte ScopeLink = 253;
    internal const byte ScopeHost = 254;
    internal const byte ScopeNowhere = 255;
    internal const byte TypeUnicast = 1;
    internal const byte TypeLocal = 2;
    internal const byte TypeUnreachable = 7;

    internal byte Family;
    internal byte DestinationLength;
    internal byte SourceLength;
    internal byte Tos;
    internal byte Table;
    internal byte Protocol;
    internal byte Scope;
    internal byte Type;
    internal uint Flags;
}

/// <summary>struct ndmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NeighbourMessage
{
    internal const ushort StateKnown = 0x02 | 0x04 | 0x08 | 0x10 | 0x80; // reachable, stale, delay, probe, permanent
    internal const ushort StateFresh = 0x02 | 0x80; // reachable, permanent
    internal const ushort StatePermanent = 0x80;
    internal const byte FlagUse = 0x01;

    internal byte Family;
    internal byte Padding0;
    internal ushort Padding1;
    internal int Index;
    internal ushort State;
    internal byte Flags;
    internal byte Type;
}

/// <summary>struct tcmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TrafficMessage
{
    internal const uint ClsactHandle = 0xFFFF0000;
    internal const uint ClsactParent = 0xFFFFFFF1;
    internal const uint IngressParent = 0xFFFFFFF2;
    internal const uint EgressParent = 0xFFFFFFF3;

    internal byte Family;
    internal byte Padding0;
    internal ushort Padding1;
    internal int Index;
    internal uint Handle;
    internal uint Parent;
    internal uint Info;
}
