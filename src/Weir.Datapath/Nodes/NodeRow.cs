// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Datapath;

/// <summary>Another host of the cluster.</summary>
/// <param name="Id">What <see cref="IpcacheRow.Node"/> calls it. 0: this host itself, whose address the overlay's packets then
/// come from; without it the routes choose one.</param>
/// <param name="Address">Where the overlay's packets for it go, and whence its own come.</param>
/// <param name="IsOverlay">Its endpoints are reached through the overlay; false: by this host's own routes.</param>
public sealed record NodeRow(ushort Id, IPAddress Address, bool IsOverlay);
