// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>What the sender of a packet hears when policy denies it.</summary>
public enum DenyResponse
{
    /// <summary>A TCP reset, for other protocols ICMP "administratively prohibited": it fails at once.</summary>
    Answer,

    /// <summary>Nothing: it waits until its own time-out.</summary>
    Drop,
}
