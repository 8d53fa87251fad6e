// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux.Netlink;

/// <summary>What notifications can be about (RTMGRP_* and RTNLGRP_*, linux/rtnetlink.h), both families.</summary>
[Flags]
public enum RtnetlinkGroups : uint
{
    None = 0,
    Links = 0x1,
    Neighbours = 0x4,

    /// <summary>Queueing disciplines and filters.</summary>
    Traffic = 0x8,
    Addresses = 0x10 | 0x100,
    Routes = 0x40 | 0x400,
    Rules = 0x80 | 0x40000,

    /// <summary>Forwarding, reverse path filter and the like.</summary>
    Settings = 0x800000 | 0x1000000,
    All = Links | Neighbours | Traffic | Addresses | Routes | Rules | Settings,
}
