// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Proxy;

/// <summary>Whoever opens connections, as one worker sees it: a container, or an address elsewhere. What all its
/// connections together may take of the worker's time and memory is bounded.</summary>
/// <param name="endpoint">The container's; 0: it is none of this host.</param>
internal sealed class Tenant(ushort endpoint, IPAddress address)
{
    private long _turn;
    private long _used;

    public ushort Endpoint { get; } = endpoint;

    /// <summary>Of its first connection.</summary>
    public IPAddress Address { get; } = address;

    /// <summary>Open connections.</summary>
    public int Connections { get; set; }

    /// <summary>Bytes that they keep.</summary>
    public long Waiting { get; set; }

    /// <summary>Time that they have used in a turn, in ticks of the stopwatch.</summary>
    public long Used(long turn) => turn == _turn ? _used : 0;

    public void Charge(long turn, long ticks)
    {
        _used = Used(turn) + ticks;
        _turn = turn;
    }
}
