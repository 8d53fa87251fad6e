// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Waits for what comes about in its own time.</summary>
public static class Wait
{
    /// <summary>Asks again and again until it is so, the more rarely the longer it takes: most questions are a command, and
    /// other tests run meanwhile. After some seconds the test fails.</summary>
    /// <param name="patience">How many times more rarely than in a sandbox of this machine it is asked.</param>
    public static void Until(Func<bool> condition, int seconds, Func<string> failure, int patience = 1)
    {
        long end = Environment.TickCount64 + (seconds * 1000L);
        for (int pause = 50; !condition(); pause = Math.Min(pause * 3 / 2, 500))
        {
            if (Environment.TickCount64 > end)
            {
                Assert.Fail($"after {seconds} s: {failure()}");
            }

            Thread.Sleep(pause * patience);
        }
    }
}
