// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>A weir network as the runtime knows it now, with the endpoints that are in use.</summary>
public sealed record RuntimeNetwork(string Id, string Name, IReadOnlyDictionary<string, Workload> Endpoints);
