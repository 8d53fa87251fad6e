// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf.Btf;

/// <summary>A number of a map's key or value, or a row of them.</summary>
/// <param name="Path">Its name, behind those of what it is part of: "client.word", "way[2].flow"; empty: it is all there is.</param>
/// <param name="Offset">In bytes.</param>
/// <param name="Size">Bytes of one.</param>
/// <param name="Count">How many; 1 where it is no array.</param>
/// <param name="IsBigEndian">In network order; else in the machine's.</param>
public readonly record struct MapField(string Path, int Offset, int Size, int Count, bool IsBigEndian);
