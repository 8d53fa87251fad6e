// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Text;

namespace Weir.Cli;

/// <summary>Files of policy or of services, named on the command line.</summary>
internal static class PolicyFiles
{
    private static readonly string[] _extensions = [".yaml", ".yml", ".json"];

    /// <summary>Tests of policy, which stand beside it and are none themselves.</summary>
    private static readonly string[] _testExtensions = [".policytest.yaml", ".policytest.yml", ".policytest.json"];

    internal static Option<string[]> Option() => new("--file", "-f")
    {
        Description = "a file, a folder (its *.yaml, *.yml and *.json), or - for standard input; again for more",
        Required = true,
    };

    /// <summary>Reads them all, under their paths from the root: an explanation names them weeks later, to somebody
    /// in another folder.</summary>
    /// <param name="problems">What cannot be read.</param>
    internal static IReadOnlyList<(string Name, string Text)> Read(IEnumerable<string> paths, out IReadOnlyList<string> problems) =>
        Read(paths, areTests: false, out problems);

    /// <param name="areTests">Of a folder the files of tests, not those of policy.</param>
    internal static IReadOnlyList<(string Name, string Text)> Read(IEnumerable<string> paths, bool areTests, out IReadOnlyList<string> problems)
    {
        List<(string Name, string Text)> files = [];
        List<string> found = [];
        int left = TextFile.MostBytes;
        foreach (string path in paths.SelectMany(path => Files(path, areTests, found)))
        {
            try
            {
                string text = path == "-" ? ReadInput(left) : TextFile.Read(path, left, TextFile.MostBytes);
                files.Add((path == "-" ? "stdin" : Path.GetFullPath(path), text));
                left -= Encoding.UTF8.GetByteCount(text);
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
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

    /// <summary>Whether it is a folder without policy.</summary>
    internal static bool IsEmptyFolder(string path)
    {
        try
        {
            return Directory.Exists(path) && !Directory.EnumerateFiles(path).Any(IsPolicy);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // who reads it says so
        }
    }

    /// <summary>Those of a folder, else the path itself.</summary>
    private static string[] Files(string path, bool areTests, List<string> problems)
    {
        if (path.Length == 0)
        {
            problems.Add("the name of a file is empty");
            return [];
        }

        if (!Directory.Exists(path))
        {
            return [path];
        }

        try
        {
            string[] inside = [.. Directory.GetFiles(path).Where(file => areTests ? IsTest(file) : IsPolicy(file)).Order(StringComparer.Ordinal)];
            if (inside.Length == 0)
            {
                problems.Add($"{path}: no {(areTests ? "*.policytest.yaml" : "*.yaml, *.yml or *.json")} is in this folder");
            }

            return inside;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{path}: {e.Message}");
            return [];
        }
    }

    private static string ReadInput(int most)
    {
        using Stream input = Console.OpenStandardInput();
        return TextFile.Read(input, most, TextFile.MostBytes);
    }

    private static bool IsPolicy(string path) => _extensions.Contains(Path.GetExtension(path)) && !IsTest(path);

    private static bool IsTest(string path) => _testExtensions.Any(extension => path.EndsWith(extension, StringComparison.Ordinal));
}
