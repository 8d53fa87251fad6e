// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Cli;

/// <summary>Policy files named on the command line.</summary>
internal static class PolicyFiles
{
    private static readonly string[] _extensions = [".yaml", ".yml", ".json"];

    internal static Option<string[]> Option() => new("--file", "-f")
    {
        Description = "a file, a folder (its *.yaml, *.yml and *.json), or - for standard input; again for more",
        Required = true,
    };

    /// <summary>Reads them all under the names they were given.</summary>
    /// <param name="problems">What cannot be read.</param>
    internal static IReadOnlyList<(string Name, string Text)> Read(IEnumerable<string> paths, out IReadOnlyList<string> problems)
    {
        List<(string, string)> files = [];
        List<string> found = [];
        foreach (string path in paths)
        {
            try
            {
                if (path.Length == 0)
                {
                    found.Add("the name of a file is empty");
                }
                else if (path == "-")
                {
                    files.Add(("stdin", Console.In.ReadToEnd()));
                }
                else if (Directory.Exists(path))
                {
                    string[] inside = [.. Directory.GetFiles(path).Where(IsPolicy).Order(StringComparer.Ordinal)];
                    files.AddRange(inside.Select(file => (file, File.ReadAllText(file))));
                    if (inside.Length == 0)
                    {
                        found.Add($"{path}: no *.yaml, *.yml or *.json is in this folder");
                    }
                }
                else
                {
                    files.Add((path, File.ReadAllText(path)));
                }
            }
            catch (FileNotFoundException)
            {
                found.Add($"{path}: no such file or folder");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                found.Add($"{path}: {e.Message}");
            }
        }

        problems = found;
        return files;
    }

    private static bool IsPolicy(string path) => _extensions.Contains(Path.GetExtension(path));
}
