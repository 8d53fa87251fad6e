// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>One TCP connection from the outside world that sends a line every 50 ms and counts what comes back.</summary>
public sealed class WorldEcho : IDisposable
{
    private readonly BackgroundCommand _process;

    public WorldEcho(DockerHost host, string address, int port) => _process = host.Sandbox.Start(
        "ip", "netns", "exec", "world", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/echo_client.py"), address, $"{port}");

    /// <summary>Echoes must come back within some seconds.</summary>
    public void MustLive()
    {
        long before = Received();
        Wait.Until(() => Received() > before + 3, 5, () => $"nothing comes back any more: {_process.Output}");
    }

    /// <summary>Nothing may come back any more, or the connection ends.</summary>
    public void MustStall() => Wait.Until(() => _process.Output.Contains("ended", StringComparison.Ordinal), 10, () => $"the connection goes on: {_process.Output}");

    public void Dispose() => _process.Dispose();

    private long Received()
    {
        string[] lines = _process.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return lines.Length == 0 ? 0 : long.TryParse(lines[^1], CultureInfo.InvariantCulture, out long count) ? count : -1;
    }
}
