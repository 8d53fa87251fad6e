// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>What runs behind an endpoint, as its runtime tells: a container.</summary>
public sealed record Workload(string Id, string Name, string Image, IReadOnlyDictionary<string, string> Labels);
