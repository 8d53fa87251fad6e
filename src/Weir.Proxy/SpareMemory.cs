// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>Gives memory back to the host that a burst of work has left behind: the collector has no reason to run by
/// itself while nothing is allocated.</summary>
internal sealed class SpareMemory : IDisposable
{
    private const long MuchSpare = 32 * 1024 * 1024;
    private const int LookEveryMs = 5_000;
    private readonly Func<long> _waiting;
    private readonly Timer _timer;
    private long _least = long.MaxValue;

    /// <param name="waiting">Bytes that are needed beside what the proxy takes when it has nothing to do.</param>
    public SpareMemory(Func<long> waiting)
    {
        _waiting = waiting;
        _timer = new Timer(_ => Look(), null, LookEveryMs, LookEveryMs);
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>Whether a collection might give back much. Each counts from the least that was seen since the one before,
    /// so that one which does not help is not repeated.</summary>
    /// <param name="workingSet">Bytes of memory that the process takes.</param>
    internal bool IsWorthIt(long workingSet, long waiting)
    {
        long spare = workingSet - waiting;
        if (spare < _least)
        {
            _least = spare;
        }

        return spare - _least > MuchSpare;
    }

    /// <summary>A collection has left that much.</summary>
    internal void OnCollected(long workingSet, long waiting) => _least = workingSet - waiting;

    private void Look()
    {
        if (IsWorthIt(Environment.WorkingSet, _waiting()))
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            OnCollected(Environment.WorkingSet, _waiting());
        }
    }
}
