// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf.Btf;

/// <summary>The types of a map's keys and values, by their numbers; 0: it has none.</summary>
public readonly record struct MapTypes(int Key, int Value);
