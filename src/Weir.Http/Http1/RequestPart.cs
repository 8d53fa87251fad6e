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

    /// <summary>Nothing more can be understood on the connection.</summary>
    Fault,
}
