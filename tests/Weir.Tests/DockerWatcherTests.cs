// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Weir.Docker;
using Xunit;

namespace Weir.Tests;

/// <summary>Against a dockerd that tells of events and answers nothing else.</summary>
public sealed class DockerWatcherTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-docker").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task ContainerThatCannotBeIdentified_IsWarnedOf()
    {
        string socket = Path.Combine(_folder, "docker.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(socket));
        _listener.Listen();
        Task serving = ServeAsync();
        var log = new Lines();
        // Nothing is told to the control plane: there is nothing to tell.
        var docker = new DockerClient(socket);
        using var aliases = new AliasReader(null!, docker, TimeProvider.System, NullLogger<AliasReader>.Instance);
        using var watcher = new DockerWatcher(null!, docker, aliases, TimeProvider.System, log);
        await watcher.IdentifyAsync("n1", "e0", default);
        Assert.Empty(log.Warnings); // whose events are not followed is not asked

        await watcher.StartAsync(default);
        for (int i = 0; i < 200 && !watcher.IsConnected; i++)
        {
            await Task.Delay(50);
        }

        Assert.True(watcher.IsConnected);
        await watcher.IdentifyAsync("n1", "e1", default);
        await watcher.StopAsync(default);

        string warning = Assert.Single(log.Warnings, line => line.Contains("e1", StringComparison.Ordinal));
        Assert.Contains("could not be identified", warning, StringComparison.Ordinal);
        Assert.Contains("500", warning, StringComparison.Ordinal);
        _listener.Dispose();
        await serving;
    }

    private async Task ServeAsync()
    {
        List<Socket> open = [];
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync();
                open.Add(client);
                byte[] request = new byte[4096];
                int read = await client.ReceiveAsync(request);
                bool areEvents = Encoding.ASCII.GetString(request, 0, read).StartsWith("GET /events", StringComparison.Ordinal);
                await client.SendAsync(Encoding.ASCII.GetBytes(areEvents
                    ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    : "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            open.ForEach(client => client.Dispose());
        }
    }

    private sealed class Lines : ILogger<DockerWatcher>
    {
        private readonly List<string> _warnings = [];

        internal IReadOnlyList<string> Warnings
        {
            get
            {
                lock (_warnings)
                {
                    return [.. _warnings];
                }
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Warning)
            {
                lock (_warnings)
                {
                    _warnings.Add(formatter(state, exception));
                }
            }
        }
    }
}
