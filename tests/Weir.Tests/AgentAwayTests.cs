// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;
using Weir.Agent;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

/// <summary>No command waits for ever, and completion says nothing, when the agent is away or stopped.</summary>
public sealed class AgentAwayTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"weir-{Guid.NewGuid():N}.sock");
    private readonly Socket _silent = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public AgentAwayTests()
    {
        // As a stopped process: the kernel takes the connection, nobody answers.
        _silent.Bind(new UnixDomainSocketEndPoint(_path));
        _silent.Listen(16);
    }

    public void Dispose()
    {
        _silent.Dispose();
        File.Delete(_path);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("endpoint list")]
    [InlineData("policy get")]
    [InlineData("service list")]
    [InlineData("metrics")]
    public void StoppedAgent_IsTold_AndEndsWith1(string command)
    {
        (int code, string error) = Run([.. command.Split(' '), "--socket", _path, "--timeout", "200ms"]);
        Assert.Equal(1, code);
        Assert.Contains("gave no answer within 200ms", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public void StoppedAgent_IsFoundOut_WhereNoAnswerHasADeadline()
    {
        (int code, string error) = Run(["monitor", "--socket", _path]);
        Assert.Equal(1, code);
        Assert.Contains("no sign of life", error, StringComparison.Ordinal);
    }

    [Fact]
    public void AbsentAgent_IsToldAtOnce()
    {
        (int code, string error) = Run(["status", "--socket", _path + ".gone"]);
        Assert.Equal(1, code);
        Assert.Contains("is it running?", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("endpoint get ")]
    [InlineData("monitor --from ")]
    [InlineData("map dump ")]
    public void Completion_OffersNoNames_AndNoComplaint(string line)
    {
        foreach (string socket in new[] { _path, _path + ".gone" })
        {
            string text = $"--socket {socket} {line}";
            string[] offered = [.. CommandLine.Build(AgentCommands.All).Parse(text).GetCompletions(text.Length).Select(item => item.Label)];
            Assert.All(offered, label => Assert.StartsWith("-", label, StringComparison.Ordinal));
        }
    }

    /// <summary>As a process of its own: the console is one for all tests.</summary>
    private static (int Code, string Error) Run(string[] arguments)
    {
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, "weir"), arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
