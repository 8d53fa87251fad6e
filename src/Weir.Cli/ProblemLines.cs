// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>Problems on standard error, a line each: of thousands of one kind, so many that somebody reads them.</summary>
internal static class ProblemLines
{
    /// <summary>Of errors, of warnings and of notices each; "-o json" has them all.</summary>
    internal const int Most = 50;

    internal static void Print(IEnumerable<Api.Problem> problems) =>
        Print(problems.Select(problem => (problem.Text, problem.Notice ? "notices" : problem.Warning ? "warnings" : "errors")));

    internal static void Print(IEnumerable<Policy.Problem> problems) =>
        Print(problems.Select(problem => (problem.ToString(), $"{problem.Severity.ToString().ToLowerInvariant()}s")));

    private static void Print(IEnumerable<(string Text, string Kind)> problems)
    {
        Dictionary<string, int> printed = [];
        foreach ((string text, string kind) in problems)
        {
            printed[kind] = printed.GetValueOrDefault(kind) + 1;
            if (printed[kind] <= Most)
            {
                Console.Error.WriteLine(text);
            }
        }

        foreach ((string kind, int count) in printed.Where(kind => kind.Value > Most))
        {
            Console.Error.WriteLine($"and {count - Most} {kind} more");
        }
    }
}
