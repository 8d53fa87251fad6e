// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Linux.Netlink;

/// <summary>A neighbour that the kernel has an address of.</summary>
/// <param name="Mac">Twelve hexadecimal digits; empty while unknown.</param>
public sealed record NeighbourInfo(int Ifindex, IPAddress Address, string Mac, bool IsPermanent);
