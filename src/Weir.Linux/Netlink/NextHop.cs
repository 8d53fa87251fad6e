// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Linux.Netlink;

/// <summary>Where packets to an address go.</summary>
/// <param name="Ifindex">The device they leave by.</param>
/// <param name="Source">The host's own address towards there.</param>
/// <param name="SourceMac">The device's own.</param>
/// <param name="Mac">Of the neighbour they are handed to; null: it is not known yet.</param>
public sealed record NextHop(int Ifindex, IPAddress Source, byte[] SourceMac, byte[]? Mac);
