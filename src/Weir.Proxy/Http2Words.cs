// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http1;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>Errors of connections in words, and under what they are counted.</summary>
internal static class Http2Words
{
    public static (RequestFault Fault, string Detail) Explain(Http2Error error) => error switch
    {
        Http2Error.NoError => (RequestFault.Timeout, RequestFaults.Explain(RequestFault.Timeout)),
        Http2Error.CompressionError => (RequestFault.Frame, "a block of headers cannot be decoded (COMPRESSION_ERROR)"),
        Http2Error.FrameSizeError => (RequestFault.Frame, "a frame has not the size that it must have (FRAME_SIZE_ERROR)"),
        Http2Error.FlowControlError => (RequestFault.Frame, "a window is larger than windows can be (FLOW_CONTROL_ERROR)"),
        Http2Error.StreamClosed => (RequestFault.Frame, "a frame on a stream that is over (STREAM_CLOSED)"),
        Http2Error.EnhanceYourCalm => (RequestFault.Flood, "too many frames that ask for nothing (ENHANCE_YOUR_CALM)"),
        _ => (RequestFault.Frame, "a frame that must not be there (PROTOCOL_ERROR)"),
    };
}
