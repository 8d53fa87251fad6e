// SPDX-License-Identifier: Apache-2.0
namespace Weir.Tests;

/// <summary>The tests as a process of their own, for what ends one.</summary>
internal static class Program
{
    internal const string ThreadFails = "thread-fails";

    private static void Main(string[] args)
    {
        if (args is [ThreadFails])
        {
            LastBorder.Draw();
            new Thread(() => throw new NotSupportedException("nobody caught it")) { Name = "stray" }.Start();
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
