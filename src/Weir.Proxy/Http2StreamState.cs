// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>How a stream stands, as the client should know it (RFC 9113 §5.1).</summary>
internal enum Http2StreamState
{
    /// <summary>Nothing was sent on it, and no stream with a higher number was opened.</summary>
    Idle,

    /// <summary>Nothing was sent on it before a stream with a higher number: it cannot be used any more.</summary>
    Skipped,

    Open,

    /// <summary>Both sides have said that they send no more.</summary>
    Ended,

    ResetByClient,

    /// <summary>By the server or the proxy: the client may not have heard of it when it sent what comes now.</summary>
    ResetToClient,
}
