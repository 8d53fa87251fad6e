// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>How full a map is.</summary>
/// <param name="Max">Entries that it holds; one that forgets the oldest by itself may stay full.</param>
public sealed record MapUse(string Name, long Used, long Max);
