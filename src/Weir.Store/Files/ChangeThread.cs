// SPDX-License-Identifier: Apache-2.0

using Weir.Linux;

namespace Weir.Store.Files;

/// <summary>A thread of the store's own: a slow disk keeps no thread of the pool waiting, and whoever waits needs none.</summary>
internal sealed class ChangeThread
{
    private readonly object _gate = new();
    private readonly Queue<Action> _waiting = [];
    private readonly GuardedThread _thread;
    private bool _ends;

    /// <param name="failed">Told what an action threw; the next ones are done all the same.</param>
    internal ChangeThread(Action<Exception> failed) => _thread = GuardedThread.Lasting("store", Run, failed).Start();

    /// <summary>False: it has ended.</summary>
    internal bool Post(Action action)
    {
        lock (_gate)
        {
            if (_ends)
            {
                return false;
            }

            _waiting.Enqueue(action);
            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>Returns when all that was posted is done.</summary>
    internal void End()
    {
        lock (_gate)
        {
            _ends = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
    }

    private void Run()
    {
        while (Next() is { } action)
        {
            action();
        }
    }

    private Action? Next()
    {
        lock (_gate)
        {
            while (_waiting.Count == 0 && !_ends)
            {
                Monitor.Wait(_gate);
            }

            return _waiting.TryDequeue(out Action? action) ? action : null;
        }
    }
}
