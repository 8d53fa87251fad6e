// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control.Cluster;

/// <summary>An endpoint, for the nodes that do not have it; it is there as long as its node is.</summary>
/// <param name="Network">The shared network's name.</param>
/// <param name="Name">The container's.</param>
/// <param name="Aliases">By which it is known there besides; null: a version that knew of none.</param>
internal sealed record EndpointRecord(string Name, Identity Identity, string Network, IReadOnlyList<IPAddress> Addresses, IReadOnlyList<string>? Aliases = null);
