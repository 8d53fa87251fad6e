// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// One round of a worker: what has happened to its sockets is handled in order, but first the share of each tenant,
/// and only then what is left of those that have more, until the round has lasted long enough. What is not handled by
/// then the kernel tells again in the next round, behind what is new; so nobody waits for more than a share of each
/// of the others, however many sockets one has and however much it sends on them.
/// </summary>
/// <param name="serve">Handles what happened to a connection.</param>
internal sealed class Turn(WorkerState worker, Action<Connection, EpollEvent> serve)
{
    private static readonly long _share = Stopwatch.Frequency * 2 / 1000;
    private static readonly long _whole = Stopwatch.Frequency * 5 / 1000;

    private readonly Queue<(Connection Connection, EpollEvent Event)> _late = [];
    private long _number;
    private long _ends;
    private long _now;

    /// <summary>Begins a round: with those that had not done with what they have.</summary>
    public void Begin()
    {
        _number++;
        _now = Stopwatch.GetTimestamp();
        _ends = _now + _whole;
        for (int waiting = worker.Unfinished.Count; waiting > 0; waiting--)
        {
            Take(worker.Unfinished.Dequeue(), default);
        }
    }

    /// <summary>Something happened to a connection; without an event it goes on with what it has.</summary>
    public void Take(Connection connection, EpollEvent e)
    {
        long used = connection.Tenant.Used(_number);
        if (used < _share)
        {
            Serve(connection, e, _now + _share - used);
        }
        else
        {
            _late.Enqueue((connection, e));
        }
    }

    /// <summary>Ends the round with those that had their share.</summary>
    public void End()
    {
        while (_late.TryDequeue(out (Connection Connection, EpollEvent Event) late))
        {
            if (_now < _ends)
            {
                Serve(late.Connection, late.Event, _ends);
            }
            else if (late.Event.Events == EpollEvents.None)
            {
                worker.Unfinished.Enqueue(late.Connection);
            }
        }
    }

    private void Serve(Connection connection, EpollEvent e, long until)
    {
        worker.TurnEnds = until;
        serve(connection, e);
        long now = Stopwatch.GetTimestamp();
        connection.Tenant.Charge(_number, now - _now);
        _now = now;
    }
}
