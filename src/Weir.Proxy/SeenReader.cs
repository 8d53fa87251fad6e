// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Datapath;
using Weir.Datapath.Abi;

namespace Weir.Proxy;

/// <summary>Requests that the datapath lets pass without the proxy: tells of them and counts them as of the proxy's own.</summary>
internal sealed class SeenReader(ProxyServer server) : DatapathReader<SeenRequests>("seen", Path.ChangeExtension(server.Options.Socket, ".seen.lock"))
{
    private static readonly TimeSpan _often = TimeSpan.FromMilliseconds(20); // while somebody looks
    private static readonly TimeSpan _seldom = TimeSpan.FromMilliseconds(500);

    private readonly SeenAccess _access = new(server.Reporter);
    private HttpCount _before = SeenRequests.Count(server.Options.PinRoot); // this process, which counts its own from nothing as well

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

    protected override SeenRequests? TryOpen() => SeenRequests.TryOpen(server.Options.PinRoot);

    protected override void Read(SeenRequests source)
    {
        if (!Stops.Wait(server.Reporter.WantsAllowed ? _often : _seldom))
        {
            source.Read(_access.OnSeen);
        }
    }

    protected override bool IsReplaced(SeenRequests source) => source.AreReplaced(server.Options.PinRoot);

    protected override void Tell(Exception e) => server.Reporter.Log($"requests that the kernel let pass cannot be read: {e.Message}", isError: true);
}
