// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>How many slots a service's tables have: the most that any node needed as long as the service is there.</summary>
/// <param name="Ipv4">A power of two; 0: it has none.</param>
internal sealed record TableRecord(uint Ipv4, uint Ipv6);
