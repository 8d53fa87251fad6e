// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

public sealed class LastBorderTests
{
    [Fact]
    public void WhatNobodyCaughtOnAThread_IsSaid_AndTheExitCodeSaysItToo()
    {
        ProcessStartInfo start = new("dotnet", ["exec", typeof(Program).Assembly.Location, Program.ThreadFails]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(20)));
        Assert.Equal(ExitCodes.Failed, process.ExitCode);
        Assert.StartsWith("weir: thread \"stray\" failed and the process ends", error, StringComparison.Ordinal);
        Assert.Contains("nobody caught it", error, StringComparison.Ordinal);
    }
}
