// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services;

/// <summary>A backend as a table knows it.</summary>
/// <param name="Key">The same on every node, and no other backend's: its address and port as text.</param>
/// <param name="Id">What slots hold; this node's own number, never 0.</param>
/// <param name="Weight">Its share against the others'; 0: none.</param>
public sealed record MaglevBackend(string Key, uint Id, int Weight = 1);
