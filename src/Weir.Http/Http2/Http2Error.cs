// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http2;

/// <summary>Why a stream or a connection ends (RFC 9113 §7).</summary>
public enum Http2Error : uint
{
    NoError = 0,
    ProtocolError = 1,
    InternalError = 2,
    FlowControlError = 3,
    StreamClosed = 5,
    FrameSizeError = 6,
    RefusedStream = 7,
    Cancel = 8,
    CompressionError = 9,

    /// <summary>The peer makes more work than what it asks for is worth.</summary>
    EnhanceYourCalm = 11,
}
