// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Etcd.Connecting;

/// <summary>Longer and longer pauses, of which a random part is left out so that many hosts do not come at once.</summary>
internal sealed class Backoff(TimeProvider time, TimeSpan longest)
{
    private static readonly TimeSpan _first = TimeSpan.FromMilliseconds(100);

    private TimeSpan _next = _first;

    internal void Reset() => _next = _first;

    internal Task WaitAsync(CancellationToken cancel)
    {
        TimeSpan pause = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < longest ? _next * 2 : longest;
        return Task.Delay(pause, time, cancel);
    }
}
