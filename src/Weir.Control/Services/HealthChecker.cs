// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>Tries backends again and again, each on a beat of its own that drifts, so that many never
/// come at once. Whoever watches is told when one becomes healthy or ceases to be.</summary>
internal sealed class HealthChecker(Func<string, BackendAddress, bool, string, Task> changed, TimeProvider time, ILogger log) : IDisposable
{
    private const double Drift = 0.1; // of the interval, both ways

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Service, BackendAddress Backend), Watch> _watches = [];

    /// <summary>Watches these backends of a service, and no others of it any more.</summary>
    /// <param name="backends">With whether each counts as healthy until it is tried.</param>
    internal void Set(string service, HealthCheck? check, IReadOnlyCollection<(BackendAddress Address, bool Healthy)> backends)
    {
        lock (_lock)
        {
            HashSet<BackendAddress> wanted = check is null ? [] : [.. backends.Select(backend => backend.Address)];
            foreach (var key in _watches.Keys.Where(key => key.Service == service && (!wanted.Contains(key.Backend) || _watches[key].Check != check)).ToList())
            {
                _watches.Remove(key, out Watch? ended);
                ended!.Stop.Cancel();
            }

            foreach ((BackendAddress address, bool healthy) in backends.Where(backend => check is not null && !_watches.ContainsKey((service, backend.Address))))
            {
                var watch = new Watch(check!, new CancellationTokenSource());
                _watches[(service, address)] = watch;
                _ = RunAsync(service, address, healthy, watch);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (Watch watch in _watches.Values)
            {
                watch.Stop.Cancel();
            }

            _watches.Clear();
        }
    }

    private async Task RunAsync(string service, BackendAddress backend, bool healthy, Watch watch)
    {
        CancellationToken stop = watch.Stop.Token;
        int streak = 0; // tries in a row that contradict what it counts as
        bool isFirst = true;
        try
        {
            await Task.Delay(watch.Check.Interval * (Random.Shared.NextDouble() * Drift), time, stop);
            while (true)
            {
                try
                {
                    string? wrong = await HealthProbe.TryAsync(watch.Check, backend, stop);
                    streak = (wrong is null) == healthy ? 0 : streak + 1;
                    if (streak > 0 && (isFirst && wrong is null || streak >= (healthy ? watch.Check.Fall : watch.Check.Rise)))
                    {
                        // Whoever could not take it in is told again.
                        await changed(service, backend, !healthy, wrong ?? "");
                        healthy = !healthy;
                        streak = 0;
                    }

                    isFirst = false;
                }
#pragma warning disable CA1031 // Whatever it is: a check that ended in silence would leave its backend as it was for ever.
                catch (Exception e) when (e is not (OperationCanceledException or ObjectDisposedException))
#pragma warning restore CA1031
                {
                    Log.Failed(log, $"checking backend {backend} of service {service}", e.Message);
                }

                await Task.Delay(watch.Check.Interval * (1 - Drift + (Random.Shared.NextDouble() * 2 * Drift)), time, stop);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Nobody watches it any more, or the agent stops.
        }
    }

    private sealed record Watch(HealthCheck Check, CancellationTokenSource Stop);
}
