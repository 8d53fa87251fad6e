// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>The agent under test, in a sandbox: started, killed and started again.</summary>
public sealed class WeirAgent(Sandbox sandbox) : IDisposable
{
    private BackgroundCommand? _process;
    private string _lastLog = "";

    /// <summary>The setting published-ports; null: the agent is not told. Most tests' subject is what comes after the door.</summary>
    public string? PublishedPorts { get; init; } = "open";

    /// <summary>The setting http-verdict; null: the agent is not told.</summary>
    public string? HttpVerdict { get; init; }

    /// <summary>What it is started by, with options; it must end in the agent itself.</summary>
    public IReadOnlyList<string> Launcher { get; set; } = [];

    /// <summary>Another version's, once it is told.</summary>
    public string Executable { get; set; } = Sandbox.Weir;

    /// <summary>What the running agent logged, or the last one that ran.</summary>
    public string Log => _process?.Output ?? _lastLog;

    /// <summary>Starts it and waits until it answers.</summary>
    public void Start(params string[] flags)
    {
        string[] doors = PublishedPorts is null ? [] : ["--published-ports", PublishedPorts];
        string[] verdict = HttpVerdict is null ? [] : ["--http-verdict", HttpVerdict];
        _process = sandbox.Start([.. Launcher, Executable, "agent", .. doors, .. verdict, .. flags]);
        // It says so itself: to ask it again and again would cost more than its start.
        Wait.Until(() => _process.Output.Contains(" serves ", StringComparison.Ordinal) || _process.HasExited, 20 * sandbox.Patience, () => $"the agent does not serve:\n{Log}");
        Wait.Until(
            () => sandbox.Run([Sandbox.Weir, "status"]).Succeeded || _process.HasExited,
            20 * sandbox.Patience,
            () => $"the agent does not answer:\n{Log}",
            sandbox.Patience);
        if (_process.HasExited)
        {
            throw new InvalidOperationException($"the agent ended:\n{Log}");
        }
    }

    /// <summary>kill -9 of the agent alone: the proxy that it started lives on.</summary>
    public void Kill()
    {
        if (_process is { HasExited: false })
        {
            sandbox.Run(["pkill", "-KILL", "-f", "weir agent"]);
            Wait.Until(() => _process.HasExited, 10, () => "the agent cannot be killed");
        }

        _lastLog = Log;
        _process?.Dispose();
        _process = null;
    }

    /// <summary>It does nothing any more until it is thawed; its kernel goes on.</summary>
    public void Freeze() => sandbox.Run(["pkill", "-STOP", "-f", "weir agent"]).OrFail();

    public void Thaw()
    {
        // Whoever entered the sandbox for it stopped with it, and wakes it.
        using var wake = System.Diagnostics.Process.Start("kill", ["-CONT", $"{_process!.Id}"]);
        wake.WaitForExit();
    }

    /// <summary>SIGTERM, and waits for the end.</summary>
    public void Stop()
    {
        if (_process is null)
        {
            return;
        }

        sandbox.Run(["pkill", "-TERM", "-f", "weir agent"]);
        Wait.Until(() => _process.HasExited, 10 * sandbox.Patience, () => $"the agent does not stop:\n{Log}");
        Kill();
    }

    public void Dispose() => Kill();
}
