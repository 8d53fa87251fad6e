// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;

namespace Weir.Testing;

/// <summary>What a program did with a packet.</summary>
/// <param name="Action">The tc action it returned.</param>
/// <param name="Reason">The drop reason it counted; None when it let the packet through.</param>
/// <param name="Frame">The packet afterwards.</param>
public sealed record Outcome(uint Action, DropReason Reason, byte[] Frame)
{
    /// <summary>The reason for which rules in audit would have dropped it; None when it was counted for none.</summary>
    public DropReason Audited { get; init; }
}
