// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Tools/http_server.py in a container's network: shows what reaches it.</summary>
public sealed class HttpServer : IDisposable
{
    private readonly BackgroundCommand _process;

    public HttpServer(DockerHost host, string container, int port = 80)
    {
        _process = host.Sandbox.Start(
            "nsenter", "-t", host.PidOf(container), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/http_server.py"), $"{port}");
        _process.WaitFor("ready", 20);
    }

    /// <summary>What has arrived so far: head and body of each request as they were sent, and from whom.</summary>
    public IReadOnlyList<(string Peer, string Head, string Body)> Requests
    {
        get
        {
            List<(string, string, string)> requests = [];
            foreach (string line in _process.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line.Contains("\"head\"", StringComparison.Ordinal)))
            {
                using var json = JsonDocument.Parse(line);
                requests.Add((Text(json, "peer"), Text(json, "head"), Text(json, "body")));
            }

            return requests;
        }
    }

    /// <summary>How many connections have ended.</summary>
    public int Ended => _process.Output.Split("\"end\"").Length - 1;

    public void Dispose() => _process.Dispose();

    private static string Text(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetString()!;
}
