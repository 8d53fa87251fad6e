// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>Names of files for somebody who reads them at once and where he is.</summary>
internal static class NearPaths
{
    /// <summary>From the current folder on, where the file is in it; else as it is.</summary>
    internal static string Of(string path)
    {
        if (!Path.IsPathRooted(path))
        {
            return path;
        }

        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }

    internal static IReadOnlyList<(string Name, string Text)> Of(IEnumerable<(string Name, string Text)> files) =>
        [.. files.Select(file => (Of(file.Name), file.Text))];
}
