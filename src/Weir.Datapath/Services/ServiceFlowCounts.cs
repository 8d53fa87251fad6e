// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>Entries of the tables in which the load balancer remembers flows.</summary>
/// <param name="Moved">Flows that were opened while their slot was under change.</param>
/// <param name="Affinities">Clients that have a backend.</param>
/// <param name="Nat">Entries for flows by SNAT: two a flow, one while it is being opened.</param>
/// <param name="Sockets">Sockets that were given a backend.</param>
public readonly record struct ServiceFlowCounts(int Moved, int Affinities, int Nat, int Sockets);
