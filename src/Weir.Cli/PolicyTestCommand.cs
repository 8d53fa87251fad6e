// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Text.Json;
using Weir.Policy;
using Weir.Policy.Testing;

namespace Weir.Cli;

/// <summary>"weir policy test".</summary>
internal static class PolicyTestCommand
{
    internal static Command Build()
    {
        var command = new Command("test", "Test policy files without an agent. Ends with 1 if a test fails.");
        var files = new Argument<string[]>("file") { Arity = ArgumentArity.OneOrMore, Description = "a file of tests (*.policytest.yaml), or a folder: all of them in it" };
        var verbose = new Option<bool>("--verbose", "-v") { Description = "also name the tests that pass, and why" };
        var junit = new Option<string>("--junit") { Description = "a file for the results as JUnit's XML, which CI systems show" };
        command.Arguments.Add(files);
        command.Options.Add(verbose);
        command.Options.Add(junit);
        command.SetAction(parsed =>
        {
            if (RunAll(parsed.GetRequiredValue(files)) is not { } results)
            {
                return ExitCodes.BadInput;
            }

            if (parsed.GetValue(junit) is { } path && !JUnitReport.TryWrite(path, results))
            {
                return ExitCodes.BadInput;
            }

            if (GlobalOptions.IsJson(parsed))
            {
                PrintJson(results);
            }
            else
            {
                Print(results, parsed.GetValue(verbose));
            }

            return results.All(result => result.Passed) ? ExitCodes.Fine : ExitCodes.Failed;
        });
        return command.WithExample("weir policy test policies/", "weir policy test -v examples/http.policytest.yaml", "weir policy test --junit results.xml policies/*.policytest.yaml");
    }

    /// <returns>Null: something of the input is wrong, and said.</returns>
    private static List<PolicyTestResult>? RunAll(string[] paths)
    {
        var texts = PolicyFiles.Read(paths, areTests: true, out IReadOnlyList<string> unreadable);
        List<string> faults = [.. unreadable];
        List<Problem> problems = [];
        List<PolicyTestResult> results = [];
        foreach ((string name, string text) in texts)
        {
            PolicyTestReadResult read = PolicyTestReader.Read(NearPaths.Of(name), text);
            problems.AddRange(read.Problems);
            if (read.File is { } file && ReadPolicy(file, name, faults, problems) is { } policy)
            {
                IReadOnlyList<Problem> unknown = PolicyTestRunner.Check(file, policy);
                problems.AddRange(unknown);
                results.AddRange(unknown.Count > 0 ? [] : PolicyTestRunner.Run(file, policy));
            }
        }

        foreach (string fault in faults.Distinct())
        {
            Console.Error.WriteLine($"weir: {fault}");
        }

        // Warnings of policy are said by "validate".
        Problem[] errors = [.. problems.Where(problem => problem.IsError).Distinct()];
        ProblemLines.Print(errors);
        return faults.Count > 0 || errors.Length > 0 ? null : results;
    }

    /// <summary>The policy that a file of tests is about; null: it cannot be read.</summary>
    /// <param name="path">Where the file is.</param>
    private static PolicySet? ReadPolicy(PolicyTestFile file, string path, List<string> faults, List<Problem> problems)
    {
        string folder = path == "stdin" ? Environment.CurrentDirectory : Path.GetDirectoryName(path)!;
        int before = faults.Count + problems.Count(problem => problem.IsError);
        List<(string Name, string Text)> texts = [];
        foreach ((string name, SourceLocation? location) in file.Policies is { } named ? named.Select(one => (one.Path, (SourceLocation?)one.Location)) : [(folder, null)])
        {
            texts.AddRange(PolicyFiles.Read([Path.Combine(folder, name)], out IReadOnlyList<string> unreadable));
            faults.AddRange(unreadable.Select(text => location is null ? $"{file.File} is about all policy files beside it: {text}" : $"{location}: {text}"));
        }

        if (faults.Count + problems.Count(problem => problem.IsError) > before)
        {
            return null;
        }

        // A file that is named twice, or beside its folder, is one.
        PolicyReadResult read = PolicyReader.ReadAll(NearPaths.Of(texts.DistinctBy(text => text.Name)));
        problems.AddRange(read.Problems);
        return read.Problems.Any(problem => problem.IsError) ? null : PolicySet.Empty.With(read.Documents);
    }

    private static void Print(List<PolicyTestResult> results, bool isVerbose)
    {
        foreach (PolicyTestResult result in results)
        {
            if (result.Passed && !isVerbose)
            {
                continue;
            }

            Console.WriteLine($"{result.Test.Location.FileAndLine}: {(result.Passed ? Terminal.Green("ok") : Terminal.Red("FAILED"))} {TextTable.OneLine(result.Test.Name)}");
            foreach (string line in result.Passed ? result.Why.Prepend(PolicyTestResult.Describe(result.Got)) : Lines(result))
            {
                Console.WriteLine($"  {TextTable.OneLine(line)}");
            }
        }

        int failed = results.Count(result => !result.Passed);
        Console.WriteLine($"{results.Count - failed} passed, {failed} failed");
    }

    /// <summary>The difference between what is expected and what is so, and why.</summary>
    internal static IEnumerable<string> Lines(PolicyTestResult result) => [$"- {Expected(result)}", $"+ {Got(result)}", .. result.Why];

    /// <summary>"allowed by web-to-api".</summary>
    internal static string Expected(PolicyTestResult result) =>
        PolicyTestResult.Describe(result.Test.Expected) + (result.Test.By is { } by ? $" by {by}" : "");

    /// <summary>"denied to 10.0.0.0/8 81/tcp".</summary>
    internal static string Got(PolicyTestResult result) =>
        PolicyTestResult.Describe(result.Got) + (result.At.Length == 0 ? "" : $" {result.At}") + (result.Fault.Length == 0 ? "" : $", {result.Fault}");

    private static void PrintJson(List<PolicyTestResult> results) => Console.WriteLine(JsonText.Write(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("passed", results.Count(result => result.Passed));
        json.WriteNumber("failed", results.Count(result => !result.Passed));
        json.WriteStartArray("tests");
        foreach (PolicyTestResult result in results)
        {
            WriteJson(json, result);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }));

    private static void WriteJson(Utf8JsonWriter json, PolicyTestResult result)
    {
        json.WriteStartObject();
        json.WriteString("file", result.Test.Location.File);
        json.WriteNumber("line", result.Test.Location.Line);
        json.WriteString("name", result.Test.Name);
        json.WriteBoolean("passed", result.Passed);
        json.WriteString("from", result.Test.From.Name);
        json.WriteString("to", result.Test.To.Name);
        json.WriteString("port", result.Test.PortText);
        json.WriteString("request", result.Test.Request?.Text ?? "");
        json.WriteString("expected", PolicyTestResult.Describe(result.Test.Expected));
        json.WriteString("expected_by", result.Test.By ?? "");
        json.WriteString("got", PolicyTestResult.Describe(result.Got));
        json.WriteString("at", result.At);
        json.WriteString("fault", result.Fault);
        json.WriteStartArray("why");
        foreach (string line in result.Why)
        {
            json.WriteStringValue(line);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
