// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Api;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>Requests that the datapath lets pass without the proxy: tells of them and counts them as of the proxy's own.</summary>
internal sealed class SeenReader(ProxyServer server) : IDisposable
{
    private static readonly TimeSpan _often = TimeSpan.FromMilliseconds(20); // while somebody looks
    private static readonly TimeSpan _seldom = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(1);

    private readonly SeenAccess _access = new(server.Reporter);
    private readonly ManualResetEventSlim _stops = new();
    private GuardedThread? _thread;
    private HttpCount _before = SeenRequests.Count(server.Options.PinRoot); // this process, which counts its own from nothing as well

    public void Start() =>
        _thread = GuardedThread.Lasting("seen", Run, e => server.Reporter.Log($"requests that the kernel let pass cannot be read: {e.Message}", isError: true)).Start();

    /// <summary>Reads nothing more; whoever waits for its turn may.</summary>
    public void Stop()
    {
        _stops.Set();
        _thread?.Join();
        _thread = null;
    }

    public void Dispose()
    {
        Stop();
        _stops.Dispose();
    }

    /// <summary>Adds what the datapath has counted since this process began.</summary>
    public void AddTo(ProxyStats stats)
    {
        HttpCount count = SeenRequests.Count(server.Options.PinRoot);
        if (count.Requests < _before.Requests)
        {
            _before = default; // it counts from nothing, too
        }

        count.Subtract(in _before);
        stats.Requests[(int)AccessVerdict.Allowed] += count.Requests;
        for (int i = 0; i < stats.Statuses.Count; i++)
        {
            stats.Statuses[i] += count.Statuses[i];
        }

        for (int i = 0; i < stats.Latencies.Count; i++)
        {
            stats.Latencies[i] += count.Latencies[i];
        }

        stats.LatencySumUs += count.LatencySumUs;
        stats.RequestBytes += count.RequestBytes;
        stats.ResponseBytes += count.AnswerBytes;
    }

    private void Run()
    {
        using FileLock? turn = ReaderTurn.Await(Path.ChangeExtension(server.Options.Socket, ".seen.lock"), _stops);
        while (!_stops.IsSet)
        {
            using SeenRequests? seen = SeenRequests.TryOpen(server.Options.PinRoot);
            if (seen is not null)
            {
                Read(seen);
            }
            else
            {
                _stops.Wait(_lookEvery); // for an agent that knows of them
            }
        }
    }

    /// <summary>Until an agent has put another in the place of this.</summary>
    private void Read(SeenRequests seen)
    {
        long looked = Stopwatch.GetTimestamp();
        while (!_stops.Wait(server.Reporter.WantsAllowed ? _often : _seldom))
        {
            seen.Read(_access.OnSeen);
            if (Stopwatch.GetElapsedTime(looked) >= _lookEvery)
            {
                looked = Stopwatch.GetTimestamp();
                if (seen.AreReplaced(server.Options.PinRoot))
                {
                    return;
                }
            }
        }
    }
}
