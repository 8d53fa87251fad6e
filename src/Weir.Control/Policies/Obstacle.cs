// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Control.Policies;

/// <summary>What keeps packets from arriving whatever policy says.</summary>
/// <param name="Reason">What the datapath drops them for; none: the host's stack answers.</param>
/// <param name="Text">For people.</param>
public sealed record Obstacle(DropReason Reason, string Text)
{
    internal static Obstacle Of(DropReason reason, string detail = "") => new(reason, $"not delivered: {DropReasons.Explain(reason)}{detail}");
}
