// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Heads;

/// <summary>What one header says to the conditions of rules, each of which is a bit.</summary>
/// <param name="Named">Those that are about a header of that name.</param>
/// <param name="Held">Those of them that its value fulfils.</param>
public readonly record struct HeadValue(uint Named, uint Held);
