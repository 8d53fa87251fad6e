// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.EndToEnd.Tests.Machine;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What the documents say of the commands is what the commands say.</summary>
public sealed class ReferenceTests
{
    [Fact]
    public void CommandReference_IsWhatTheCommandsSay()
    {
        string script = Path.Combine(Sandbox.RepoRoot, "scripts", "cli-reference.sh");
        using Process process = Process.Start(new ProcessStartInfo(script, [Sandbox.Weir]) { RedirectStandardOutput = true })!;
        string now = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        Assert.True(
            now == File.ReadAllText(Path.Combine(Sandbox.RepoRoot, "docs", "reference", "cli.md")),
            "the commands' help has changed: run scripts/cli-reference.sh > docs/reference/cli.md");
    }
}
