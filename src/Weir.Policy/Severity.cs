// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>How much a <see cref="Problem"/> matters.</summary>
public enum Severity
{
    /// <summary>Nothing of the file is applied.</summary>
    Error,

    /// <summary>It is applied, and probably does not do what its writer meant. An error for who asks for strictness.</summary>
    Warning,

    /// <summary>Worth knowing, and nothing is wrong.</summary>
    Notice,
}
