// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Weir.Control.State;
using Weir.Linux;

namespace Weir.Control;

/// <summary>The one thread on which the <see cref="World"/>, the kernel and the host are changed, one change after
/// another. Whoever wants a change waits for it, and needs no thread of the pool for that; whoever reads takes the world as
/// it is and waits for nobody.</summary>
/// <remarks>A thread of its own, since the pool's may all be waiting for it: a change that needed one of them would
/// never come to its end.</remarks>
internal sealed class Writer : IDisposable
{
    private readonly BlockingCollection<Action> _changes = [];
    private readonly GuardedThread _thread;
    private volatile World _world = World.Empty;
    private volatile bool _isStarted;

    internal Writer() => _thread = GuardedThread.Lasting("writer", Work, _ => { }); // a change hands its failure to its caller

    /// <summary>The world is another. Raised on the writer's thread: whoever hears it does no more than remember.</summary>
    internal event Action? Changed;

    /// <summary>Until then the thread that puts everything together changes the world.</summary>
    internal void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>All that is known, as it is now.</summary>
    internal World World => _world;

    private bool IsHere => _thread.IsCurrent || !_isStarted;

    /// <summary>Makes a change, or asks what only its thread may ask. What it throws, its caller gets.</summary>
    /// <exception cref="ObjectDisposedException">The agent stops.</exception>
    internal Task<T> RunAsync<T>(Func<T> change)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _changes.Add(() =>
            {
                try
                {
                    done.SetResult(change());
                }
#pragma warning disable CA1031 // It is the caller's, whatever it is.
                catch (Exception e)
#pragma warning restore CA1031
                {
                    done.SetException(e);
                }
            });
        }
        catch (InvalidOperationException)
        {
            throw new ObjectDisposedException(nameof(Writer));
        }

        return done.Task;
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    internal Task RunAsync(Action change) => RunAsync(() =>
    {
        change();
        return true;
    });

    /// <summary>The same for a caller that may block its thread, and within a change.</summary>
    internal T Run<T>(Func<T> change) => IsHere ? change() : RunAsync(change).GetAwaiter().GetResult();

    /// <inheritdoc cref="Run{T}"/>
    internal void Run(Action change) => Run(() =>
    {
        change();
        return true;
    });

    /// <summary>Until the world is so, or for so long; needs no thread meanwhile.</summary>
    internal async Task WaitAsync(Func<World, bool> isSo, TimeSpan most, CancellationToken cancel)
    {
        // Never disposed of: the writer's thread may tell of a change while this ends.
        var changed = new SemaphoreSlim(0);
        void OnChanged() => changed.Release();
        Changed += OnChanged;
        try
        {
            long end = Environment.TickCount64 + (long)most.TotalMilliseconds;
            while (!isSo(World) && end - Environment.TickCount64 is var left and > 0)
            {
                await changed.WaitAsync(TimeSpan.FromMilliseconds(left), cancel);
            }
        }
        finally
        {
            Changed -= OnChanged;
        }
    }

    /// <summary>Makes another world the present one. What of it is kept over restarts is kept already.</summary>
    internal void Publish(Func<World, World> change)
    {
        if (!IsHere)
        {
            throw new InvalidOperationException("the world is changed on the writer's thread only");
        }

        World next = change(_world);
        if (next != _world)
        {
            _world = next with { Revision = _world.Revision + 1 };
            Changed?.Invoke();
        }
    }

    /// <summary>Ends when what was asked for is done.</summary>
    public void Dispose()
    {
        _changes.CompleteAdding();
        if (_isStarted)
        {
            _thread.Join();
        }

        _changes.Dispose();
    }

    private void Work()
    {
        foreach (Action change in _changes.GetConsumingEnumerable())
        {
            change();
        }
    }
}
