// SPDX-License-Identifier: Apache-2.0

using Weir.Control;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Docker;

/// <summary>Follows Docker: learns who is behind endpoints, and removes what Docker no longer has.</summary>
public sealed class DockerWatcher(ControlPlane control, DockerClient docker, AliasReader aliases, TimeProvider time, ILogger<DockerWatcher> log) : BackgroundService
{
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _every = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _settled = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _one = new(1);
    private DateTimeOffset _lostAt = time.GetUtcNow();
    private string _lastError = "not asked yet";

    /// <summary>While dockerd starts, it accepts requests and answers none.</summary>
    public bool IsConnected { get; private set; }

    /// <summary>"connected", or why not.</summary>
    public string Status => IsConnected ? "connected" : _lastError;

    /// <summary>Asks who is behind an endpoint. If Docker cannot tell now, the endpoint stays "init".</summary>
    internal async Task IdentifyAsync(string networkId, string endpointId, CancellationToken cancel)
    {
        if (!IsConnected)
        {
            return;
        }

        bool isAnswered = await TryAsync("identifying an endpoint", async () =>
        {
            RuntimeNetwork? network = await docker.GetNetworkAsync(networkId, endpointId, cancel);
            if (network?.Endpoints.GetValueOrDefault(endpointId) is { } workload)
            {
                await control.RunAsync(() => control.Identify(endpointId, network.Name, workload));
            }
        });
        if (!isAnswered)
        {
            Log.NotIdentified(log, endpointId, _lastError);
        }
    }

    /// <summary>Whether some container of the network was never started yet. If Docker cannot tell now: no.</summary>
    internal async Task<bool> AwaitsFirstStartAsync(Network network, CancellationToken cancel)
    {
        bool found = false;
        if (IsConnected)
        {
            await TryAsync("looking for new containers", async () => found = await docker.HasNewContainerAsync(network.Id, network.Name, cancel));
        }

        return found;
    }

    public override void Dispose()
    {
        base.Dispose();
        docker.Dispose();
        _one.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task periodic = ReconcilePeriodicallyAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            bool followed = await TryAsync("following Docker's events", () => docker.FollowEventsAsync(
                async () =>
                {
                    IsConnected = true;
                    Log.DockerConnected(log);

                    // What is older than dockerd's absence, and unknown to it now, is gone.
                    await ReconcileAsync(_lostAt, stoppingToken);
                    await TryAsync("reading aliases", () =>
                    {
                        control.Views.SharedContainers.ToList().ForEach(aliases.Ask);
                        return Task.CompletedTask;
                    });
                },
                (action, id, container) => HappenedAsync(action, id, container, stoppingToken),
                stoppingToken));
            if (IsConnected)
            {
                IsConnected = false;
                _lostAt = time.GetUtcNow();
                _lastError = followed ? "dockerd closed the connection" : _lastError;
                if (!stoppingToken.IsCancellationRequested)
                {
                    Log.DockerLost(log, _lastError);
                }
            }

            await Task.Delay(_retry, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await periodic;
    }

    private async Task HappenedAsync(string action, string id, string container, CancellationToken cancel)
    {
        if ((action == "connect" && control.Views.Networks.Any(network => network.Id == id && network.Shared is not null)) || action == "rename")
        {
            aliases.Ask(action == "rename" ? id : container);
        }

        if (action == "destroy")
        {
            await control.RunAsync(() => control.Addresses.Forget(id));
        }

        if (action == "connect")
        {
            await TryAsync("reading Docker's bridges", () => LetInAsync(cancel));
        }

        if (action == "rename")
        {
            await TryAsync("reading a container's name", () => IdentifyAgainAsync(id, cancel));
        }

        // On `docker run` the endpoint has told already; `docker network connect` does not wait for it.
        if (action == "connect" && !control.Views.AreAllIdentified)
        {
            await ReconcileAsync(time.GetUtcNow() - _settled, cancel);
        }
    }

    /// <summary>One whose name is another, and whose labels may be.</summary>
    private async Task IdentifyAgainAsync(string container, CancellationToken cancel)
    {
        if (await docker.GetWorkloadAsync(container, cancel) is { } workload)
        {
            await control.RunAsync(() => control.IdentifyAgain(workload));
        }
    }

    private async Task ReconcilePeriodicallyAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(_every);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
            {
                if (IsConnected)
                {
                    await ReconcileAsync(time.GetUtcNow() - _settled, cancel);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The agent stops.
        }
    }

    private async Task ReconcileAsync(DateTimeOffset settled, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            await TryAsync("reconciling with Docker", async () =>
            {
                IReadOnlyList<RuntimeNetwork> networks = await docker.ListNetworksAsync(cancel);
                await control.RunAsync(() => control.Reconcile(networks, settled));
                await LetInAsync(cancel);
            });
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task LetInAsync(CancellationToken cancel)
    {
        IReadOnlyList<(string, IpPrefix)> bridges = await docker.ListBridgesAsync(cancel);
        await control.RunAsync(() => control.LetIn(bridges));
    }

    /// <summary>Docker may be away, restarting or odd: none of it ends the agent.</summary>
    private async Task<bool> TryAsync(string what, Func<Task> action)
    {
        try
        {
            await action();
            return true;
        }
#pragma warning disable CA1031 // An answer can be odd in more ways than anybody lists, and this must not end.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _lastError = e.InnerException?.Message ?? e.Message;
            Log.DockerFailed(log, what, _lastError);
            return false;
        }
    }
}
