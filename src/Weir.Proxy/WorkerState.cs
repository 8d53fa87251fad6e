// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Datapath;
using Weir.Http.Http1;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>What the connections of one thread share. Buffers are shared by them: what one does not need at once it
/// does not keep.</summary>
/// <param name="forget">Told of connections that are closed, with their slot.</param>
internal sealed class WorkerState(
    ISockets sockets, IProxyFlows flows, PoliciesInForce policies, Reporter reporter, ProxyOptions options, Action<int, Connection> forget)
{
    private const int BufferBytes = 256 * 1024;
    private const long MostWaitingOfAll = 128 * 1024 * 1024;
    private const long MostWaitingOfOne = 16 * 1024 * 1024;
    private const int LeastRead = 4 * 1024;

    private readonly long _mostWaiting = MostWaitingOfAll / options.Workers;
    private readonly long _mostWaitingOfOne = MostWaitingOfOne / options.Workers;
    private readonly byte[] _clientBuffer = GC.AllocateUninitializedArray<byte>(BufferBytes, pinned: true);
    private byte[] _block = [];
    private readonly byte[] _serverBuffer = GC.AllocateUninitializedArray<byte>(BufferBytes, pinned: true);

    public ISockets Sockets { get; } = sockets;

    public IProxyFlows Flows { get; } = flows;

    public PolicySnapshot Snapshot => policies.Current;

    public Reporter Reporter { get; } = reporter;

    public ProxyOptions Options { get; } = options;

    public Counters Counters { get; } = new();

    /// <summary>Milliseconds, as of the last event.</summary>
    public long Now { get; set; } = Environment.TickCount64;

    /// <summary>Bytes that connections keep, since the other end does not take them or since they are no whole yet.</summary>
    public long Waiting { get; set; }

    /// <summary>How much may be read at once: the less, the more waits already, of all and of the same tenant. Only what
    /// was read can come to wait.</summary>
    public int ReadBytes(Tenant tenant) =>
        (int)Math.Clamp(Math.Min(_mostWaiting - Waiting, _mostWaitingOfOne - tenant.Waiting) / 16, LeastRead, BufferBytes);

    public bool IsShortOfMemory(Tenant tenant) => Waiting > _mostWaiting || tenant.Waiting > _mostWaitingOfOne;

    /// <summary>What the event that is handled has to say to the server.</summary>
    public Outbox ToServer { get; } = new();

    /// <summary>Likewise to the client.</summary>
    public Outbox ToClient { get; } = new();

    /// <summary>For heads, one at a time.</summary>
    public RequestHead Head { get; } = new();

    /// <summary>For headers of HTTP/2, one block at a time.</summary>
    public HeaderList HeaderList { get; } = new();

    public Span<byte> ClientBuffer => _clientBuffer;

    public Span<byte> ServerBuffer => _serverBuffer;

    /// <summary>When whoever is served now has had its turn, of <see cref="Stopwatch.GetTimestamp"/>.</summary>
    public long TurnEnds { get; set; } = long.MaxValue;

    /// <summary>Others wait: what is left is for the next turn.</summary>
    public bool IsTurnOver => Stopwatch.GetTimestamp() >= TurnEnds;

    /// <summary>Connections whose clients have sent more than was used in their turn.</summary>
    public Queue<Connection> Unfinished { get; } = [];

    /// <summary>For a header block that is written, one at a time.</summary>
    public Span<byte> BlockBuffer(int length)
    {
        if (_block.Length < length)
        {
            _block = new byte[length];
        }

        return _block;
    }

    public void Forget(int slot, Connection connection) => forget(slot, connection);
}
