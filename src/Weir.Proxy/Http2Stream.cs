// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>A stream that is not over on both sides.</summary>
internal sealed class Http2Stream(Exchange exchange)
{
    /// <summary>Bytes of memory that one takes, about.</summary>
    public const int Memory = 512;

    public Exchange Exchange { get; } = exchange;

    /// <summary>It exists between client and proxy alone.</summary>
    public bool IsRefused => Exchange.Answer is not null;

    /// <summary>Bytes of the body that the client said it would send and has not sent; negative: it did not say.</summary>
    public long BodyLeft { get; set; } = -1;

    /// <summary>Bytes of a refused request's body.</summary>
    public long Discarded { get; set; }

    /// <summary>The client sends no more on it.</summary>
    public bool ClientEnded { get; set; }

    /// <summary>Its answer is over and told of.</summary>
    public bool IsReported { get; set; }

    /// <summary>Counts a piece of the body.</summary>
    /// <returns>False: there is more or less of it than Content-Length says, which a server that translates to HTTP/1
    /// might believe (RFC 9113 §8.1.1).</returns>
    public bool CountBody(int bytes, bool isEnd)
    {
        if (BodyLeft < 0)
        {
            return true;
        }

        BodyLeft -= bytes;
        return isEnd ? BodyLeft == 0 : BodyLeft >= 0;
    }
}
