// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>Something wrong with a policy, or worth a warning.</summary>
public sealed record Problem(SourceLocation? Location, string Message, Severity Severity)
{
    /// <summary>Whether nothing may be applied with it.</summary>
    public bool IsError => Severity == Severity.Error;

    /// <summary>Whether it is an error for who asks for strictness.</summary>
    public bool IsWarning => Severity == Severity.Warning;

    /// <summary>"file:line:column: error: message".</summary>
    public override string ToString()
    {
        var text = $"{Severity.ToString().ToLowerInvariant()}: {Message}";
        return Location is null ? text : $"{Location}: {text}";
    }
}
