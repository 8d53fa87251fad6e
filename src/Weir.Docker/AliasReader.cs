// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using Weir.Control;

namespace Weir.Docker;

/// <summary>Asks Docker by which aliases networks know containers. Nobody waits for it: Docker answers once a container has
/// started, and starting waits for the driver.</summary>
public sealed class AliasReader(ControlPlane control, DockerClient docker, TimeProvider time, ILogger<AliasReader> log) : BackgroundService
{
    private const int MostAttempts = 5;
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    private readonly Channel<string> _asked = Channel.CreateUnbounded<string>();

    internal void Ask(string container)
    {
        if (container.Length > 0)
        {
            _asked.Writer.TryWrite(container);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (string container in _asked.Reader.ReadAllAsync(stoppingToken))
            {
                // One that takes long to start keeps no other waiting.
                _ = ReadAsync(container, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The agent stops.
        }
    }

    private async Task ReadAsync(string container, CancellationToken cancel)
    {
        for (int attempt = 1; attempt <= MostAttempts && !cancel.IsCancellationRequested; attempt++)
        {
            try
            {
                foreach ((string endpoint, IReadOnlyList<string> aliases) in await docker.GetAliasesAsync(container, cancel))
                {
                    await control.RunAsync(() => control.SetAliases(endpoint, aliases));
                }

                return;
            }
            catch (HttpRequestException e) when (e.StatusCode == System.Net.HttpStatusCode.NotFound)
            {
                return; // it is gone
            }
#pragma warning disable CA1031 // An answer can be odd in more ways than anybody lists, and this must not end.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (attempt == MostAttempts && !cancel.IsCancellationRequested)
                {
                    Log.DockerFailed(log, $"reading the aliases of container {container}", e.Message);
                }
            }

            await Task.Delay(_pause, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
