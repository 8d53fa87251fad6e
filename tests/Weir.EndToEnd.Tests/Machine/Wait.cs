// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Waits for what comes about in its own time.</summary>
public static class Wait
{
    /// <summary>What an idle machine does within a second has this many here: the tests of six machines share two processors,
    /// and other projects' tests run beside them. Only a test that fails takes it.</summary>
    private const int Slack = 4;

    /// <summary>Asks again and again until it is so, the more rarely the longer it takes: most questions are a command, and
    /// other tests run meanwhile. In the end the test fails.</summary>
    /// <param name="seconds">How long it may take on an idle machine.</param>
    /// <param name="patience">How many times more rarely than in a sandbox of this machine it is asked.</param>
    public static void Until(Func<bool> condition, int seconds, Func<string> failure, int patience = 1)
    {
        long end = Environment.TickCount64 + (seconds * Slack * 1000L);
        for (int pause = 50; !condition(); pause = Math.Min(pause * 3 / 2, 500))
        {
            if (Environment.TickCount64 > end)
            {
                Assert.Fail($"after {seconds * Slack} s: {failure()}");
            }

            Thread.Sleep(pause * patience);
        }
    }
}
