// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Cli;

/// <summary>Labels on the command line.</summary>
internal static class Labels
{
    internal static Option<string[]> Option() => new("--label", "-l") { Description = "only those with this label (again for more)" };

    /// <summary>Nearly all come from containers: the source only lengthens the line.</summary>
    internal static string Short(IEnumerable<string> labels) =>
        string.Join(",", labels.Select(label => label.StartsWith("container:", StringComparison.Ordinal) ? label["container:".Length..] : label));
}
