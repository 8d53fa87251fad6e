// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// A thread that reads what the datapath has for the proxy. There is one reader at a time: the proxy of before, until it drains or is no more.
/// </summary>
/// <typeparam name="TSource">What it reads from; an agent of another version may put another in its place.</typeparam>
/// <param name="name">Of the thread.</param>
/// <param name="lockPath">A lock that only such readers have.</param>
internal abstract class DatapathReader<TSource>(string name, string lockPath) : IDisposable
    where TSource : class, IDisposable
{
    private const int TryEveryMs = 20;
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(1);

    private GuardedThread? _thread;

    /// <summary>Set when nothing more is to be read.</summary>
    protected ManualResetEventSlim Stops { get; } = new();

    public void Start() => _thread = GuardedThread.Lasting(name, Run, Tell).Start();

    /// <summary>Reads nothing more; whoever waits for its turn may.</summary>
    public void Stop()
    {
        Stops.Set();
        _thread?.Join();
        _thread = null;
    }

    public void Dispose()
    {
        Stop();
        Stops.Dispose();
    }

    /// <summary>Null: the agent that is there has none.</summary>
    protected abstract TSource? TryOpen();

    /// <summary>Reads what is there, or comes within a moment.</summary>
    protected abstract void Read(TSource source);

    /// <summary>Whether another is in the place of this one by now.</summary>
    protected abstract bool IsReplaced(TSource source);

    /// <summary>Says that it failed; it is tried again.</summary>
    protected abstract void Tell(Exception e);

    private void Run()
    {
        using FileLock? turn = AwaitTurn();
        while (!Stops.IsSet)
        {
            using TSource? source = TryOpen();
            if (source is not null)
            {
                ReadAll(source);
            }
            else
            {
                Stops.Wait(_lookEvery); // for an agent that has one
            }
        }
    }

    /// <summary>Until there is another in its place.</summary>
    private void ReadAll(TSource source)
    {
        long looked = Stopwatch.GetTimestamp();
        while (!Stops.IsSet)
        {
            Read(source);
            if (Stopwatch.GetElapsedTime(looked) >= _lookEvery)
            {
                looked = Stopwatch.GetTimestamp();
                if (IsReplaced(source))
                {
                    return;
                }
            }
        }
    }

    /// <summary>Null: it was stopped before.</summary>
    private FileLock? AwaitTurn()
    {
        do
        {
            try
            {
                return FileLock.Acquire(lockPath);
            }
            catch (LinuxException e) when (e.Number == Errno.TryAgain)
            {
                // The other one is asked to drain at about this time.
            }
        }
        while (!Stops.Wait(TryEveryMs));
        return null;
    }
}
