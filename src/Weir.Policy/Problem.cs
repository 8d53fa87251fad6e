// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>Something wrong with a policy, or worth a warning.</summary>
public sealed record Problem(SourceLocation? Location, string Message, bool IsWarning)
{
    /// <summary>"file:line:column: error: message".</summary>
    public override string ToString()
    {
        var text = (IsWarning ? "warning: " : "error: ") + Message;
        return Location is null ? text : $"{Location}: {text}";
    }
}
