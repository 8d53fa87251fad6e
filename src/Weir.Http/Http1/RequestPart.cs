// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>What <see cref="RequestReader"/> found next.</summary>
public enum RequestPart
{
    /// <summary>More must arrive; what is there stays with the caller.</summary>
    More,

    /// <summary>A whole head.</summary>
    Head,

    /// <summary>Bytes of the body of the request whose head came last.</summary>
    Body,

    /// <summary>
    /// Trailers of that body, which need not go on (RFC 9110 §6.5.1): a server that merges them with the headers would
    /// take what no rule has seen, and one that knows no trailers would take them for the next request.
    /// </summary>
    Trailer,

    /// <summary>Nothing more can be understood on the connection.</summary>
    Fault,
}
