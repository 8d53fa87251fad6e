// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux;

/// <summary>A thread whose work may fail: somebody is told, and the process goes on. Whatever is not caught on a thread ends
/// the process, so there are no others.</summary>
public sealed class GuardedThread
{
    // A failure that stays must neither fill the log nor keep a CPU busy.
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(500);

    private readonly Thread _thread;

    private GuardedThread(string name, ThreadStart run) => _thread = new Thread(run) { IsBackground = true, Name = name };

    /// <summary>One that does its work once.</summary>
    /// <param name="failed">Told on that thread what the work threw.</param>
    public static GuardedThread Once(string name, Action work, Action<Exception> failed) => new(name, () => Succeeds(work, failed));

    /// <summary>One whose work ends only by itself: after a failure it begins anew.</summary>
    /// <param name="work">Returns when it is told to stop.</param>
    /// <param name="failed">Told on that thread what the work threw.</param>
    public static GuardedThread Lasting(string name, Action work, Action<Exception> failed) => new(name, () =>
    {
        while (!Succeeds(work, failed))
        {
            Thread.Sleep(_pause);
        }
    });

    public bool IsAlive => _thread.IsAlive;

    /// <summary>Whether the caller runs on it.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    public GuardedThread Start()
    {
        _thread.Start();
        return this;
    }

    /// <summary>Starts it without the caller's execution context.</summary>
    public GuardedThread UnsafeStart()
    {
        _thread.UnsafeStart();
        return this;
    }

    public void Join() => _thread.Join();

    private static bool Succeeds(Action work, Action<Exception> failed)
    {
        try
        {
            work();
            return true;
        }
#pragma warning disable CA1031 // This is the border: whatever it is, it goes no further.
        catch (Exception e)
        {
            try
            {
                failed(e);
            }
            catch
            {
                // Nobody can be told (the log's pipe is closed, say); the work matters more.
            }

            return false;
        }
#pragma warning restore CA1031
    }
}
