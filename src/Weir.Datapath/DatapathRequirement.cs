// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>Something that the datapath needs of this machine.</summary>
/// <param name="Problem">Null: it is there; else why not.</param>
public sealed record DatapathRequirement(string Name, string? Problem);
