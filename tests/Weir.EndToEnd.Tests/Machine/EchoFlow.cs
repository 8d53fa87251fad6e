// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>One TCP connection that sends a byte every 50 ms and gets it back from the server's echo.</summary>
public sealed class EchoFlow : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _client;
    private readonly BackgroundCommand _process;

    public EchoFlow(DockerHost host, string client, string server)
        : this((host, client), host.AddressOf(server, host.Docker("inspect", "-f", "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}", server)))
    {
    }

    /// <param name="target">The server's address, on whichever host it is.</param>
    public EchoFlow((DockerHost Host, string Client) from, string target)
    {
        (_host, _client) = from;
        _process = _host.Sandbox.Start(
            "docker", "exec", _client, "sh", "-c", $"while usleep 50000; do echo .; done | nc {target} 9000 > /tmp/echo");
    }

    /// <summary>Bytes must come back within two seconds.</summary>
    public void MustLive(int seconds = 4)
    {
        long before = Received();
        Wait.Until(() => Received() > before, seconds, () => $"nothing comes back any more after {before} bytes {_process.Output}");
    }

    /// <summary>Nothing may come back any more.</summary>
    public void MustStall()
    {
        // What was under way at the change may still arrive.
        Thread.Sleep(300);
        long before = Received();
        Thread.Sleep(1000);
        long after = Received();
        Xunit.Assert.True(after == before, $"{after - before} bytes came back over a flow that policy denies");
    }

    public void Dispose()
    {
        _process.Dispose();
        _host.Exec(_client, "killall", "nc");
    }

    private long Received() =>
        long.TryParse(_host.Exec(_client, "stat", "-c", "%s", "/tmp/echo").Output.Trim(), CultureInfo.InvariantCulture, out long size) ? size : 0;
}
