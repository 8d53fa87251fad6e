// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>Which protocol a request asks to change to (RFC 9110 §7.8).</summary>
public enum UpgradeKind
{
    None,
    WebSocket,

    /// <summary>"h2c" (RFC 7540 §3.2).</summary>
    Http2,

    /// <summary>"tcp": bytes as the two ends please, as Docker's clients ask its daemon for.</summary>
    Tcp,

    /// <summary>Another one, or several: nothing that requests could be judged in.</summary>
    Other,
}
