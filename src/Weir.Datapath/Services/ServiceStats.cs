// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>What a frontend was used for.</summary>
/// <param name="Packets">From clients, seen at a device.</param>
/// <param name="Bytes">Of those packets.</param>
/// <param name="Connects">Connections and datagrams from this host that were translated at the socket.</param>
public readonly record struct ServiceStats(ulong Packets, ulong Bytes, ulong Connects);
