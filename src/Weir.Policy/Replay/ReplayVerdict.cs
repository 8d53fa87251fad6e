// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Replay;

/// <summary>What a policy would have made of a flow that was seen.</summary>
public enum ReplayVerdict
{
    Passes,
    Refused,

    /// <summary>What is known of it can be of one that passes and of one that does not.</summary>
    Unknown,
}
