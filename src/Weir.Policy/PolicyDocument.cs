// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>
/// One policy object: what is applied, listed and deleted by name. The name is metadata.name (with
/// "namespace/" before it where one is told), or for a list of rules the file's name without extension.
/// </summary>
public sealed record PolicyDocument(
    string Name,
    string Kind,
    IReadOnlyList<Rule> Rules,
    string SourceFile,
    string Text,
    int FirstLine)
{
    /// <summary>The same with rule numbers from <paramref name="first"/> on.</summary>
    internal PolicyDocument WithRuleIds(uint first) =>
        this with { Rules = [.. Rules.Select((rule, index) => rule with { Id = first + (uint)index })] };
}
