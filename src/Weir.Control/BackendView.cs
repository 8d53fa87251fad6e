// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control;

/// <summary>A backend of a service, and how it is.</summary>
/// <param name="Detail">Why it is not active.</param>
/// <param name="Endpoint">The container behind it; empty: none of a node's.</param>
/// <param name="Node">Whose container it is; empty: no node's, or this host is by itself.</param>
/// <param name="Slots">Of the service's table, now.</param>
public sealed record BackendView(BackendSpec Spec, BackendState State, string Detail, string Endpoint, string Node, int Slots);
