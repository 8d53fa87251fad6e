// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Flows;

/// <summary>A connection that ended, as the datapath told.</summary>
public sealed record MeasuredTcp(TcpEvent Event)
{
    /// <summary>Whether there never was an answer but an error.</summary>
    internal bool HasFailed => Event.End is TcpEnd.Refused or TcpEnd.TimedOut or TcpEnd.Unreachable or TcpEnd.Abandoned && Event.HandshakeUs == 0;

    internal bool WasReset => Event.End is TcpEnd.ResetByOpener or TcpEnd.ResetByOther || (Event.HandshakeUs != 0 && Event.End is TcpEnd.TimedOut or TcpEnd.Unreachable);
}
