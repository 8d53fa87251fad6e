// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Proxy;

/// <summary>What the proxy says itself.</summary>
internal static class Answers
{
    // By whether it closes, and whether it is to HEAD: who floods with refused requests makes no garbage of them.
    private static readonly byte[][] _denied =
        [.. new[] { (false, false), (false, true), (true, false), (true, true) }.Select(kind => Make(403, "Access denied", kind.Item1, kind.Item2))];

    /// <summary>To a request that no rule allows. Not to be written to.</summary>
    public static byte[] Denied(bool close, bool isHead) => _denied[(close ? 2 : 0) + (isHead ? 1 : 0)];

    /// <summary>An answer of HTTP/1.1 with a line of text.</summary>
    /// <param name="isHead">The answer to HEAD has no body.</param>
    public static byte[] Make(int status, string text, bool close, bool isHead)
    {
        string body = text + "\n";
        return Encoding.UTF8.GetBytes(
            $"HTTP/1.1 {status} {Reason(status)}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n{(close ? "Connection: close\r\n" : "")}\r\n{(isHead ? "" : body)}");
    }

    private static string Reason(int status) => status switch
    {
        400 => "Bad Request",
        403 => "Forbidden",
        408 => "Request Timeout",
        502 => "Bad Gateway",
        _ => "Service Unavailable",
    };
}
