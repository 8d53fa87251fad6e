// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http2;

/// <summary>What is wrong with a frame (RFC 9113 §5.4).</summary>
/// <param name="OfStream">Its stream ends; otherwise the connection does.</param>
public readonly record struct FrameFault(Http2Error Error, bool OfStream)
{
    /// <summary>Nothing.</summary>
    public static FrameFault None => default;

    public bool IsNone => Error == Http2Error.NoError;

    internal static FrameFault OfConnection(Http2Error error) => new(error, false);
}
