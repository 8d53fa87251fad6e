// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Linux.Netlink;

/// <summary>An address of an interface.</summary>
/// <param name="Ifindex">The interface's number.</param>
/// <param name="PrefixLength">In bits.</param>
/// <param name="Scope">0 global, 253 link, 254 host.</param>
public sealed record AddressInfo(int Ifindex, IPAddress Address, int PrefixLength, byte Scope);
