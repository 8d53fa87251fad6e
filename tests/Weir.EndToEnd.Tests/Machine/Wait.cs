// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Waits for what comes about in its own time.</summary>
public static class Wait
{
    /// <summary>Asks again and again until it is so; after some seconds the test fails.</summary>
    public static void Until(Func<bool> condition, int seconds, Func<string> failure)
    {
        long end = Environment.TickCount64 + (seconds * 1000L);
        while (!condition())
        {
            if (Environment.TickCount64 > end)
            {
                Assert.Fail($"after {seconds} s: {failure()}");
            }

            Thread.Sleep(50);
        }
    }
}
