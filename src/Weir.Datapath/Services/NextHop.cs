// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Datapath;

/// <summary>How packets get to a backend that is not on this host.</summary>
/// <param name="Ifindex">Device towards it.</param>
/// <param name="Mac">The next hop's, 6 bytes; all zero: not known, packets are dropped.</param>
/// <param name="SourceMac">The device's own, 6 bytes.</param>
/// <param name="Source">This host's address towards it, of the backend's family.</param>
/// <param name="Outer">To whom packets in others go; null: to the backend itself.</param>
public readonly record struct NextHop(int Ifindex, byte[] Mac, byte[] SourceMac, IPAddress Source, IPAddress? Outer = null);
