// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Replaying;

/// <summary>A policy that somebody thinks of.</summary>
/// <param name="Files">Each document takes the place of that of its kind and name.</param>
/// <param name="Replaces">They are all the policy there would be.</param>
/// <param name="Without">Policies that would be taken away, by name.</param>
public sealed record PolicyDraft(IReadOnlyList<(string Name, string Text)> Files, bool Replaces, IReadOnlyList<string> Without);
