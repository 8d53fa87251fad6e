// SPDX-License-Identifier: Apache-2.0

using Weir.Control;
using Weir.Control.Cluster;

namespace Weir.Docker;

/// <summary>Makes the networks that all nodes have known to this one's Docker, and takes away those that are gone.</summary>
public sealed class SharedNetworks(ControlPlane control, DockerClient docker, DockerWatcher watcher, TimeProvider time, ILogger<SharedNetworks> log) : BackgroundService
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _every = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, string> _told = []; // what went wrong last, by network

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (control.Cluster is not { Options.MakesNetworks: true } cluster)
        {
            return;
        }

        IReadOnlyList<NetworkRecord>? done = null;
        DateTimeOffset checkedAt = default;
        while (!stoppingToken.IsCancellationRequested)
        {
            // Nothing is taken away on the word of who hears nobody.
            IReadOnlyList<NetworkRecord> wanted = cluster.Usable;
            if (watcher.IsConnected && cluster.State.IsConnected && (done is null || !wanted.SequenceEqual(done) || time.GetUtcNow() - checkedAt > _every))
            {
                done = await AgreeAsync(cluster, wanted, stoppingToken) ? wanted : null;
                checkedAt = time.GetUtcNow();
            }

            await Task.Delay(done is null ? 4 * _pause : _pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>Whether all is as it should be.</returns>
    private async Task<bool> AgreeAsync(ClusterDesk cluster, IReadOnlyList<NetworkRecord> wanted, CancellationToken cancel)
    {
        IReadOnlyList<(string Shared, string Id)> present = [];
        bool isAll = await AttemptAsync("", async () => present = await docker.ListSharedNetworksAsync(cancel));
        if (!isAll)
        {
            return false;
        }

        foreach (NetworkRecord network in wanted.Where(network => present.All(known => known.Shared != network.Name)))
        {
            isAll &= await AttemptAsync(network.Name, () => docker.CreateSharedNetworkAsync(network, cancel));
        }

        HashSet<string> known = [.. cluster.Networks.Select(network => network.Network.Name)];
        foreach ((string name, string id) in present.Where(network => !known.Contains(network.Shared)))
        {
            isAll &= await AttemptAsync(name, () => docker.RemoveNetworkAsync(id, cancel));
        }

        return isAll;
    }

    private async Task<bool> AttemptAsync(string network, Func<Task> change)
    {
        try
        {
            await change();
            _told.Remove(network);
            return true;
        }
#pragma warning disable CA1031 // Docker can refuse in more ways than anybody lists; it is tried again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (_told.GetValueOrDefault(network) != e.Message)
            {
                Log.SharedNetworkFailed(log, network, e.Message);
                _told[network] = e.Message;
            }

            return false;
        }
    }
}
