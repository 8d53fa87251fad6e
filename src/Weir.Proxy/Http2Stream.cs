// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>A stream that is not over on both sides.</summary>
internal sealed class Http2Stream(Exchange exchange)
{
    public Exchange Exchange { get; } = exchange;

    /// <summary>Bytes of the body that the client said it would send and has not sent; negative: it did not say.</summary>
    public long BodyLeft { get; set; } = -1;

    /// <summary>The client sends no more on it.</summary>
    public bool ClientEnded { get; set; }

    /// <summary>Its answer is over and told of.</summary>
    public bool IsReported { get; set; }
}
