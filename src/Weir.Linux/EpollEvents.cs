// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux;

/// <summary>What can happen to a descriptor (epoll_ctl(2)).</summary>
[Flags]
public enum EpollEvents : uint
{
    None = 0,
    Readable = 0x1,
    Writable = 0x4,

    /// <summary>Always watched.</summary>
    Error = 0x8,

    /// <summary>Both directions are closed. Always watched.</summary>
    HangUp = 0x10,

    /// <summary>The other end sends no more; what it sent before may not be read yet.</summary>
    PeerEnded = 0x2000,

    /// <summary>Wake one waiter of many, where several wait for the same descriptor.</summary>
    Exclusive = 1u << 28,
}
