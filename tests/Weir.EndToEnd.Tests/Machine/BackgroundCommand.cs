// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A command that runs on while the test does other things. Killed, with its children, on dispose.</summary>
public sealed class BackgroundCommand : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    public BackgroundCommand(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, e) => Append(e.Data);
        _process.ErrorDataReceived += (_, e) => Append(e.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>What it printed so far, standard output and error mixed.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Waits until it printed a text.</summary>
    public void WaitFor(string text, int seconds = 5) =>
        Wait.Until(() => Output.Contains(text, StringComparison.Ordinal), seconds, () => $"'{text}' was not printed, but:\n{Output}");

    /// <summary>Sends SIGKILL to it and its children.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.WaitForExit();
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private void Append(string? line)
    {
        if (line is not null)
        {
            lock (_output)
            {
                _output.AppendLine(line);
            }
        }
    }
}
