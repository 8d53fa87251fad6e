// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text.RegularExpressions;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Every BPF program of the project on the oldest kernel that it supports, in an emulated machine.
/// Verifiers differ: what this machine's kernel accepts, an older one may refuse.</summary>
public sealed partial class OldKernelTests : IDisposable
{
    private static readonly string _root =
        AppContext.BaseDirectory[..AppContext.BaseDirectory.IndexOf("/tests/", StringComparison.Ordinal)];

    private readonly DirectoryInfo _objects = Directory.CreateTempSubdirectory("weir-objects-");

    public void Dispose() => _objects.Delete(recursive: true);

    [PrivilegedFact]
    public async Task EveryProgram_LoadsAndRuns_OnLinux61()
    {
        WriteObjects();
        List<string> expected = ProgramNames();

        string console = await RunScriptAsync();

        Assert.Contains("kernel 6.1.", console, StringComparison.Ordinal);
        Assert.All(expected, name =>
        {
            Assert.True(console.Contains($"load {name} ok ", StringComparison.Ordinal), console);
            Assert.True(console.Contains($"run {name} ok ", StringComparison.Ordinal), console);
        });
    }

    [GeneratedRegex("""^SEC\("[a-z][^"]*"\)\s+int (\w+)\(""", RegexOptions.Multiline)]
    private static partial Regex ProgramPattern { get; }

    private static List<string> ProgramNames()
    {
        List<string> names = [.. Directory.GetFiles(Path.Combine(_root, "bpf"), "*.bpf.c")
            .SelectMany(file => ProgramPattern.Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)];
        Assert.Contains("weir_from_ep", names);
        Assert.Contains("weir_listener", names);
        return names;
    }

    private void WriteObjects()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(_root, "bpf"), "*.bpf.c", SearchOption.AllDirectories))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            File.WriteAllBytes(Path.Combine(_objects.FullName, name + ".o"), DatapathObject.Read(name));
        }
    }

    private async Task<string> RunScriptAsync()
    {
        ProcessStartInfo start = new(Path.Combine(_root, "scripts/vm-test.sh"), [_objects.FullName])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        string all = await output + await errors;
        Assert.True(process.ExitCode == 0, all);
        return all;
    }
}
