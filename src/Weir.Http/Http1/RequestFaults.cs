// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>Faults in words.</summary>
public static class RequestFaults
{
    /// <summary>For events and answers: "Content-Length is not one plain number".</summary>
    public static string Explain(RequestFault fault) => fault switch
    {
        RequestFault.None => "",
        RequestFault.NotHttp => "not HTTP",
        RequestFault.RequestLine => "malformed request line",
        RequestFault.Version => "neither HTTP/1.0 nor HTTP/1.1",
        RequestFault.LineEnd => "a line does not end with CR LF",
        RequestFault.Folded => "a header continues on a second line",
        RequestFault.HeaderName => "malformed header name",
        RequestFault.HeaderValue => "control characters in a header",
        RequestFault.TooLarge => "too many or too long headers",
        RequestFault.ContentLength => "Content-Length is not one plain number",
        RequestFault.TransferEncoding => "Transfer-Encoding is not exactly chunked, or stands beside Content-Length",
        RequestFault.Host => "Host is missing, twice there, malformed or not the target's",
        RequestFault.Target => "the target has characters that servers read differently",
        RequestFault.DotSegment => "the target has dot segments",
        RequestFault.Connection => "Connection names a header that frames or routes the message",
        RequestFault.Chunk => "malformed chunk or trailer",
        RequestFault.Ambiguous => "servers may read the target as one that is not allowed",
        RequestFault.Timeout => "the request did not arrive in time",
        RequestFault.Expect => "Expect is not exactly 100-continue",
        RequestFault.Frame => "malformed frame",
        RequestFault.Flood => "too many frames that ask for nothing",
        _ => fault.ToString(),
    };
}
