// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

/// <summary>struct nfgenmsg: what requests to netfilter begin with.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NetfilterMessage
{
    internal byte Family;
    internal byte Version;

    /// <summary>In network order: the subsystem that a batch is for.</summary>
    internal ushort Resource;
}
