// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control.State;

/// <summary>A range that addresses are given from.</summary>
/// <param name="Id">Tells the range, so that it means the same after everything else is lost.</param>
/// <param name="Held">Addresses that are no endpoint's: gateways and those Docker set aside.</param>
/// <param name="Shared">The name of the network that all nodes have; null: it is this host's alone.</param>
/// <param name="StandsFor">The pool that addresses asked of this one come from: Docker was given this one before anybody could know
/// that it is for the network of all nodes; null: its own.</param>
/// <param name="Created">When it was asked for; long ago: it was made before that was kept.</param>
internal sealed record AddressPool(string Id, IpPrefix Prefix, IReadOnlyList<IPAddress> Held, DateTimeOffset Created = default, string? Shared = null, string? StandsFor = null);
