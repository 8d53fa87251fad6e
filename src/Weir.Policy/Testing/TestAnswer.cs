// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Testing;

/// <summary>What becomes of a connection, or of a request.</summary>
public enum TestAnswer
{
    /// <summary>It passes.</summary>
    Allowed,

    /// <summary>The connection is denied.</summary>
    Denied,

    /// <summary>The connection passes, the request is answered with 403.</summary>
    Forbidden,

    /// <summary>It passes, and is told: rules in audit would have refused it.</summary>
    Audited,
}
