// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>Where a node's agent is asked by the others.</summary>
/// <param name="Port">TCP, at the node's addresses.</param>
/// <param name="Certificate">By which the others know it, and it is known to them: SHA-256 of its certificate, in hexadecimal.</param>
public sealed record PeerDoor(int Port, string Certificate);
