// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Linux;

/// <summary>What one end of an established TCP connection has agreed on with the other, and how far they have come: all that a
/// socket needs which takes this end's place.</summary>
public readonly record struct TcpState
{
    /// <summary>The largest segment of an end that has not said (RFC 9293, 3.7.1).</summary>
    public const ushort DefaultMss = 536;

    public required IPEndPoint Local { get; init; }

    public required IPEndPoint Remote { get; init; }

    /// <summary>Number of the first byte that is still to be sent: the remote end has acknowledged all that is before.</summary>
    public required uint Send { get; init; }

    /// <summary>Number of the first byte that was not acknowledged to the remote end.</summary>
    public required uint Receive { get; init; }

    /// <summary>Bytes of a segment that the remote end takes.</summary>
    public ushort RemoteMss { get; init; }

    /// <summary>Bytes that the remote end takes now; 0: it is to be asked.</summary>
    public uint RemoteWindow { get; init; }

    /// <summary>By how many bits the windows of this end are shifted; 0 also if that was not agreed on.</summary>
    public byte LocalScale { get; init; }

    /// <summary>Likewise those of the remote end.</summary>
    public byte RemoteScale { get; init; }

    /// <summary>Both take selective acknowledgements.</summary>
    public bool HasSack { get; init; }

    /// <summary>The first time stamp to send, of milliseconds: none before it may be larger, or the remote end takes what comes
    /// for old. Null: they send none.</summary>
    public uint? Stamp { get; init; }
}
