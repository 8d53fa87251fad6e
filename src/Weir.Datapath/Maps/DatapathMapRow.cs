// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>A map that endpoints' programs share.</summary>
/// <param name="KeySize">Bytes.</param>
/// <param name="Pin">Its path in the BPF file system.</param>
public readonly record struct DatapathMapRow(string Name, string Type, uint KeySize, uint ValueSize, uint MaxEntries, string Pin);
