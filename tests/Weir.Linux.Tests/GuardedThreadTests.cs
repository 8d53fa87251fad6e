// SPDX-License-Identifier: Apache-2.0

using Xunit;

namespace Weir.Linux.Tests;

public sealed class GuardedThreadTests
{
    [Fact]
    public void FailedWork_IsTold_AndBeginsAnew_UntilItReturns()
    {
        List<Exception> told = [];
        int runs = 0;
        GuardedThread thread = GuardedThread.Lasting(
            "test",
            () =>
            {
                if (++runs < 3)
                {
                    throw new NotSupportedException($"run {runs}");
                }
            },
            told.Add);
        thread.Start().Join();
        Assert.Equal(3, runs);
        Assert.Equal(["run 1", "run 2"], told.Select(e => e.Message));
    }

    [Fact]
    public void WorkThatIsDoneOnce_FailsOnce()
    {
        List<Exception> told = [];
        GuardedThread.Once("test", () => throw new NotSupportedException("once"), told.Add).UnsafeStart().Join();
        Assert.Equal("once", Assert.Single(told).Message);
    }

    [Fact]
    public void ListenerThatFailsToo_EndsNothing()
    {
        int runs = 0;
        GuardedThread.Lasting("test", () => _ = ++runs == 2 ? 0 : throw new NotSupportedException("work"), _ => throw new IOException("the log is closed")).Start().Join();
        Assert.Equal(2, runs);
    }

    [Fact]
    public void Thread_KnowsItself()
    {
        GuardedThread? thread = null;
        bool isCurrent = false;
        thread = GuardedThread.Once("test", () => isCurrent = thread!.IsCurrent && thread.IsAlive, _ => { });
        thread.Start().Join();
        Assert.True(isCurrent);
        Assert.False(thread.IsCurrent || thread.IsAlive);
    }
}
