// SPDX-License-Identifier: Apache-2.0
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>What has one reader at a time: the proxy of before, until it drains or is no more.</summary>
internal static class ReaderTurn
{
    private const int TryEveryMs = 20;

    /// <summary>Waits for one's turn.</summary>
    /// <param name="path">A lock that only readers have.</param>
    /// <returns>It lasts until this is disposed; null: it was stopped before.</returns>
    public static FileLock? Await(string path, ManualResetEventSlim stops)
    {
        do
        {
            try
            {
                return FileLock.Acquire(path);
            }
            catch (LinuxException e) when (e.Number == Errno.TryAgain)
            {
                // The other one is asked to drain at about this time.
            }
        }
        while (!stops.Wait(TryEveryMs));
        return null;
    }
}
