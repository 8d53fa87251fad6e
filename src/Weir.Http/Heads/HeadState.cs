// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Heads;

/// <summary>Where in a head its reader is.</summary>
/// <param name="A">A state of the pattern's automaton that belongs to the part, or how far a word has come.</param>
/// <param name="B">What else must be remembered.</param>
internal readonly record struct HeadState(HeadPart Part, int A = 0, int B = 0);

/// <summary>Parts of a head, and the places in them that must be told apart.</summary>
internal enum HeadPart
{
    /// <summary>The value of a header that nobody looks at; most bytes of a head.</summary>
    Ignored,

    /// <summary>A: of the method's automaton. B: bytes of "CONNECT" that it begins with; -1: with others.</summary>
    Method,

    /// <summary>In front of the path.</summary>
    Target,

    /// <summary>A, here and below: of the path's automaton.</summary>
    Path,

    /// <summary>Behind a slash.</summary>
    PathSlash,

    /// <summary>Behind a dot that begins a segment.</summary>
    PathDot,
    Query,

    /// <summary>A: bytes of "HTTP/1." that are there.</summary>
    Version,

    /// <summary>Behind it. A: the minor version.</summary>
    VersionReturn,

    /// <summary>Behind the carriage return. A: the minor version.</summary>
    VersionEnd,

    /// <summary>A line begins.</summary>
    Line,

    /// <summary>Behind the carriage return of the empty line.</summary>
    End,

    /// <summary>A: of the automaton of headers' names.</summary>
    Name,

    /// <summary>Behind a carriage return.</summary>
    LineFeed,

    /// <summary>In front of the host.</summary>
    HostBlank,

    /// <summary>A: of the host's automaton.</summary>
    Host,
    LengthBlank,

    /// <summary>Behind a zero that begins it.</summary>
    LengthZero,
    Length,
    ConnectionBlank,

    /// <summary>A: of the automaton of what Connection may say.</summary>
    Connection,

    /// <summary>In front of a value that rules look at. B, here and below: the header's number.</summary>
    ValueBlank,

    /// <summary>A: of the automaton of the header's values.</summary>
    Value,
}
