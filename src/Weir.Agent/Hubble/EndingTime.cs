// SPDX-License-Identifier: Apache-2.0

namespace Weir.Agent.Hubble;

internal static class EndingTime
{
    /// <summary>Cancels at a time; one that no timer reaches is never.</summary>
    internal static void CancelAfterUntil(this CancellationTokenSource source, DateTimeOffset until, TimeProvider time)
    {
        TimeSpan left = until - time.GetUtcNow();
        if (left.TotalMilliseconds < int.MaxValue)
        {
            source.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }
}
