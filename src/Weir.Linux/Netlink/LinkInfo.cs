// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux.Netlink;

/// <summary>A network interface.</summary>
/// <param name="Index">Its number in this namespace.</param>
/// <param name="Mac">Its link-layer address; empty where it has none.</param>
/// <param name="Mtu">In bytes.</param>
/// <param name="Kind">"veth", "bridge"…; null for hardware.</param>
/// <param name="PeerIndex">A veth's other end, numbered in that end's namespace; 0 if none.</param>
/// <param name="MasterIndex">The bridge, bond… that it is a port of; 0: of none.</param>
/// <param name="Type">What its packets have in front of them.</param>
public sealed record LinkInfo(
    int Index, string Name, ReadOnlyMemory<byte> Mac, int Mtu, bool IsUp, string? Kind, int PeerIndex, int MasterIndex = 0, LinkType Type = LinkType.Ethernet);
