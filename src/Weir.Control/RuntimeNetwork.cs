// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;

namespace Weir.Control;

/// <summary>A weir network as the runtime knows it now, with the endpoints that are in use.</summary>
/// <param name="Shape">How it was made; null: not of Weir's addresses.</param>
public sealed record RuntimeNetwork(string Id, string Name, IReadOnlyDictionary<string, Workload> Endpoints, NetworkShape? Shape = null);
