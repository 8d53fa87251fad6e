// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>Conditions of a rule that a connection does not fulfil.</summary>
[Flags]
public enum MissingParts
{
    None = 0,

    /// <summary>The port is not in the list.</summary>
    Port = 1,

    /// <summary>No port of the list is of the protocol.</summary>
    Protocol = 2,

    /// <summary>The peer is not selected.</summary>
    Peer = 4,

    /// <summary>The rule is about other endpoints.</summary>
    Subject = 8,
}
