// SPDX-License-Identifier: Apache-2.0

using Weir.Policy;

namespace Weir.Control.Reconciling;

/// <summary>What a policy says for one identity.</summary>
/// <param name="Entries">Of its map.</param>
/// <param name="Response">What those hear whom it denies; null: it does not say.</param>
internal sealed record PolicyList(IReadOnlyList<PolicyMapEntry> Entries, DenyResponse? Response);
