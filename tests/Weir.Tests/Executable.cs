// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Weir.Tests;

/// <summary>The executable as a process of its own.</summary>
internal static class Executable
{
    private static readonly string _weir = Path.Combine(AppContext.BaseDirectory, "weir");

    internal static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        ProcessStartInfo start = new(_weir, args) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }
}
