// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>How much of its past a store remembers for those who list or watch what was before.</summary>
/// <param name="Bytes">Of what was put and replaced, about.</param>
public sealed record Retention(int Revisions = 1000, long Bytes = 1 << 20);
