// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Replay;

/// <summary>What became of a flow that was seen.</summary>
public enum SeenOutcome
{
    Passed,

    /// <summary>Policy denied it.</summary>
    Denied,

    /// <summary>It came from outside, no rule let it in, and neither did a published port or its network.</summary>
    DoorClosed,
}
