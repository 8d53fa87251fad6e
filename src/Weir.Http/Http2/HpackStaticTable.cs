// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http2;

/// <summary>RFC 7541, Appendix A.</summary>
internal static class HpackStaticTable
{
    private const string Table = """
        :authority
        :method GET
        :method POST
        :path /
        :path /index.html
        :scheme http
        :scheme https
        :status 200
        :status 204
        :status 206
        :status 304
        :status 400
        :status 404
        :status 500
        accept-charset
        accept-encoding gzip, deflate
        accept-language
        accept-ranges
        accept
        access-control-allow-origin
        age
        allow
        authorization
        cache-control
        content-disposition
        content-encoding
        content-language
        content-length
        content-location
        content-range
        content-type
        cookie
        date
        etag
        expect
        expires
        from
        host
        if-match
        if-modified-since
        if-none-match
        if-range
        if-unmodified-since
        last-modified
        link
        location
        max-forwards
        proxy-authenticate
        proxy-authorization
        range
        referer
        refresh
        retry-after
        server
        set-cookie
        strict-transport-security
        transfer-encoding
        user-agent
        vary
        via
        www-authenticate
        """;

    /// <summary>Entries of the table.</summary>
    public const int Count = 61;

    /// <summary>Index 1 is the first.</summary>
    public static (byte[] Name, byte[] Value)[] Entries { get; } = [.. Table.Split('\n').Select(Parse)];

    private static (byte[] Name, byte[] Value) Parse(string line)
    {
        var parts = line.Split(' ', 2);
        return (Encoding.ASCII.GetBytes(parts[0]), parts.Length == 2 ? Encoding.ASCII.GetBytes(parts[1]) : []);
    }
}
