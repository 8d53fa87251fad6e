// SPDX-License-Identifier: Apache-2.0

using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>The kernel's clocks.</summary>
public static class Clock
{
    private const int ClockMonotonic = 1;

    /// <summary>CLOCK_MONOTONIC in nanoseconds: the clock that bpf_ktime_get_ns reads.</summary>
    public static unsafe ulong MonotonicNs()
    {
        long* time = stackalloc long[2];
        return Libc.GetTime(ClockMonotonic, time) == 0
            ? ((ulong)time[0] * 1_000_000_000UL) + (ulong)time[1]
            : throw LinuxException.Last("read CLOCK_MONOTONIC");
    }
}
