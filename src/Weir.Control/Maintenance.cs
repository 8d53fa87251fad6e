// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Datapath;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Store;

namespace Weir.Control;

/// <summary>What has to be done again and again, on threads of its own.</summary>
public sealed class Maintenance : IDisposable
{
    private const long MuchGarbage = 8 * 1024 * 1024; // bytes
    private static readonly TimeSpan _sweepEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _sweepUnderPressure = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _wait = TimeSpan.FromMilliseconds(500);

    private readonly ControlPlane _control;
    private readonly ILogger _log;
    private readonly ManualResetEventSlim _stopping = new();
    private readonly RtnetlinkMonitor _monitor = new();
    private readonly GuardedThread[] _threads;
    private long _allocated;

    public Maintenance(ControlPlane control, ILogger log)
    {
        _control = control;
        _log = log;
        _threads =
        [
            GuardedThread.Lasting("sweep", Sweep, e => Log.Failed(_log, "sweeping", e.ToString())).Start(),
            GuardedThread.Lasting("addresses", Follow, e => Log.Failed(_log, "following the host's addresses", e.ToString())).Start(),
            GuardedThread.Lasting("watchdog", Watch, e => Log.Failed(_log, "watching the host", e.ToString())).Start(),
        ];
    }

    /// <summary>What the last sweep of the conntrack table found.</summary>
    public SweepResult LastSweep { get; private set; }

    public void Dispose()
    {
        _stopping.Set();
        foreach (GuardedThread thread in _threads)
        {
            thread.Join();
        }

        _monitor.Dispose();
        _stopping.Dispose();
    }

    private void Sweep()
    {
        do
        {
            Try("sweeping conntrack", () => LastSweep = _control.Sweep(Clock.MonotonicNs()));
            ReturnMemory();
        }
        while (!_stopping.Wait(LastSweep.IsPressed ? _sweepUnderPressure : _sweepEvery));
    }

    /// <summary>After a burst of work, such as a large policy, the agent waits for hours with what the
    /// burst needed: the collector has no reason to run by itself.</summary>
    private void ReturnMemory()
    {
        long allocated = GC.GetTotalAllocatedBytes();
        if (allocated - _allocated > MuchGarbage)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            _allocated = allocated;
        }
    }

    private void Watch() => _control.Watchdog.Run(_stopping.WaitHandle, look =>
    {
        Try("comparing the host with what it should be", look);
        Try("attaching programs by links", _control.AttachByLinks);
        Try("asking for IPsec policies", _control.FollowIpsec);
    });

    private void Follow()
    {
        while (!_stopping.IsSet)
        {
            Try("following the host's addresses", () =>
            {
                if (_monitor.Wait(_wait))
                {
                    _control.RefreshHostAddresses();
                }
            });
        }
    }

    private void Try(string what, Action action)
    {
        try
        {
            action();
        }
#pragma warning disable CA1031 // Whatever it is, it is tried again: a thread that ended would be missed by nobody.
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (_stopping.IsSet)
            {
                return;
            }

            Log.Failed(_log, what, WeirException.IsExpected(e) ? e.Message : e.ToString());
            _stopping.Wait(_wait); // a failure that stays must not fill the log at once
        }
    }
}
