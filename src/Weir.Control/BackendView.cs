// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control;

/// <summary>A backend of a service, and how it is.</summary>
/// <param name="Detail">Why it is not active.</param>
/// <param name="Endpoint">The container behind it on this host; empty: it is elsewhere.</param>
/// <param name="Slots">Of the service's table, now.</param>
public sealed record BackendView(BackendSpec Spec, BackendState State, string Detail, string Endpoint, int Slots);
