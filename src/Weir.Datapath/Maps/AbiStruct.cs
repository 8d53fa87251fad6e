// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>A shared struct, by its name in C, as this process lays it out. Padding is not listed.</summary>
internal sealed record AbiStruct(string Name, int Size, IReadOnlyList<AbiField> Fields);
