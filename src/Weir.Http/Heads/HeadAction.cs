// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Heads;

/// <summary>What is done behind a byte of a head, beside going on to the next state.</summary>
public enum HeadAction
{
    None,

    /// <summary>The head is not plainly understood: nothing is said of it here.</summary>
    GiveUp,

    /// <summary>The method is over; the argument is the mask of the rules that it fulfils.</summary>
    Method,

    /// <summary>The path is over; likewise.</summary>
    Path,

    /// <summary>The request line is over; the argument is the minor version.</summary>
    Version,

    /// <summary>Host begins. It may be there once.</summary>
    Host,

    /// <summary>A colon in the host; the argument is the mask of what stands before it, which counts if no other colon follows.</summary>
    HostPort,

    /// <summary>A closing bracket in the host: colons before it begin no port.</summary>
    HostBracket,

    /// <summary>The host is over; the argument is the mask of all of it.</summary>
    HostEnd,

    /// <summary>Content-Length begins. It may be there once.</summary>
    Length,

    /// <summary>One more digit of it.</summary>
    LengthDigit,

    /// <summary>Connection is over; it may be there once. The argument is 1 for "close", 0 for "keep-alive".</summary>
    Connection,

    /// <summary>A header that rules look at is over; the argument is the number of its <see cref="HeadValue"/>.</summary>
    Value,

    /// <summary>The head is over.</summary>
    End,
}
