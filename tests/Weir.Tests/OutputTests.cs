// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

/// <summary>Standard output that takes nothing, and input that never ends.</summary>
public sealed class OutputTests
{
    private static readonly string _weir = Path.Combine(AppContext.BaseDirectory, "weir");

    [Theory]
    [InlineData("--version", "> /dev/full")]
    [InlineData("help", "> /dev/full")]
    [InlineData("completion bash", "> /dev/full")]
    [InlineData("version", "> /dev/full")]
    [InlineData("version", ">&-")]
    [InlineData("help", ">&-")]
    public void OutputThatCannotBeWritten_IsToldInOneLine(string command, string redirection)
    {
        (int code, string error) = Shell($"'{_weir}' {command} {redirection}");
        Assert.Equal(1, code);
        Assert.StartsWith("weir: the output cannot be written: ", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Theory]
    [InlineData("policy validate -f /dev/zero")]
    [InlineData("policy apply -f /dev/zero")]
    [InlineData("service apply -f /dev/zero")]
    [InlineData("policy validate -f - < /dev/zero")]
    [InlineData("policy validate -f <(yes)")]
    [InlineData("agent --config /dev/zero")]
    public void InputWithoutEnd_IsReadToALimit(string command)
    {
        (int code, string error) = Shell($"ulimit -v unlimited; '{_weir}' {command}");
        Assert.Equal(2, code);
        Assert.Contains("too much to read", error, StringComparison.Ordinal);
    }

    [Fact]
    public void FilesTogether_HaveOneLimit()
    {
        string folder = Directory.CreateTempSubdirectory("weir").FullName;
        try
        {
            // Each alone fits.
            File.WriteAllText(Path.Combine(folder, "a.yaml"), new string('#', TextFile.MostBytes - 10));
            File.WriteAllText(Path.Combine(folder, "b.yaml"), new string('#', 20));
            _ = PolicyFiles.Read([Path.Combine(folder, "a.yaml")], out IReadOnlyList<string> none);
            Assert.Empty(none);
            _ = PolicyFiles.Read([folder], out IReadOnlyList<string> problems);
            Assert.Contains("b.yaml: this is too much to read: it may be 16 MB in all", Assert.Single(problems), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void ThousandsOfProblems_AreCounted_NotPrinted()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, string.Concat(Enumerable.Repeat("- {endpointSelector: {}, ingres: []}\n", 1000)));
            (int code, string error) = Shell($"'{_weir}' policy validate -f {file}");
            Assert.Equal(2, code);
            Assert.EndsWith("errors more", error.Trim(), StringComparison.Ordinal);
            Assert.InRange(error.Split('\n').Length, ProblemLines.Most, 2 * ProblemLines.Most);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void AFile_HasOneName_FromWhereverItIsRead()
    {
        string folder = Directory.CreateTempSubdirectory("weir").FullName;
        string file = Path.Combine(folder, "policy.yaml");
        try
        {
            File.WriteAllText(file, "");
            string around = Path.Combine(folder, "..", Path.GetFileName(folder), ".", "policy.yaml");
            string relative = Path.GetRelativePath(Environment.CurrentDirectory, file);
            Assert.Equal([file, file, file, file], PolicyFiles.Read([file, around, relative, folder], out _).Select(read => read.Name));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (int Code, string Error) Shell(string script)
    {
        ProcessStartInfo start = new("bash", ["-c", script]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
