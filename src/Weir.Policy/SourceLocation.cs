// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>A place in a file. Line and column count from 1.</summary>
public sealed record SourceLocation(string File, int Line, int Column)
{
    /// <summary>"file:line:column".</summary>
    public override string ToString() => $"{File}:{Line}:{Column}";

    /// <summary>"file:line", for people who look the rule up.</summary>
    public string FileAndLine => $"{File}:{Line}";
}
