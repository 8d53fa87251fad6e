// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Cli;

/// <summary>Labels on the command line.</summary>
internal static class Labels
{
    internal static Option<string[]> Option() =>
        new Option<string[]>("--label", "-l") { Description = "only those with this label (again for more)" }.Completes(Completion.LabelsOfEndpoints);

    /// <summary>As many as leave the line readable; what is more is "…".</summary>
    internal static string Cut(IEnumerable<string> labels)
    {
        const int Longest = 80;
        string text = Short(labels);
        int end = char.IsHighSurrogate(text.ElementAtOrDefault(Longest - 2)) ? Longest - 2 : Longest - 1;
        return text.Length <= Longest ? text : text[..end] + "…";
    }

    /// <summary>Nearly all come from containers: the source only lengthens the line.</summary>
    internal static string Short(IEnumerable<string> labels) =>
        string.Join(",", labels.Select(label => label.StartsWith("container:", StringComparison.Ordinal) ? label["container:".Length..] : label));
}
