// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;

namespace Weir.Http.Http2;

/// <summary>A request's decoded headers, read as strictly as a head of HTTP/1 (RFC 9113 §8.2, §8.3).</summary>
public readonly ref struct RequestFields
{
    private RequestFields(ReadOnlySpan<byte> method, ReadOnlySpan<byte> path, ReadOnlySpan<byte> host, long contentLength)
    {
        Method = method;
        Path = path;
        Host = host;
        ContentLength = contentLength;
    }

    public ReadOnlySpan<byte> Method { get; }

    /// <summary>For CONNECT the authority, as in HTTP/1.</summary>
    public ReadOnlySpan<byte> Path { get; }

    public ReadOnlySpan<byte> Host { get; }

    /// <summary>Bytes that all DATA frames together must have (§8.1.1); -1: not said.</summary>
    public long ContentLength { get; }

    /// <summary>Reads a request.</summary>
    public static RequestFault Read(HeaderList headers, out RequestFields request)
    {
        ArgumentNullException.ThrowIfNull(headers);
        request = default;
        if (headers.IsTooLarge)
        {
            return RequestFault.TooLarge;
        }

        ReadOnlySpan<byte> method = default, path = default, authority = default, host = default;
        var (methods, paths, authorities, schemes, hosts) = (0, 0, 0, 0, 0);
        long length = -1;
        var regular = false;
        for (var i = 0; i < headers.Count; i++)
        {
            var name = headers.Name(i);
            var value = headers.Value(i);
            if (name.Length > 0 && name[0] == ':')
            {
                if (regular)
                {
                    return RequestFault.HeaderName;
                }

                if (name.SequenceEqual(":method"u8))
                {
                    method = value;
                    methods++;
                }
                else if (name.SequenceEqual(":path"u8))
                {
                    path = value;
                    paths++;
                }
                else if (name.SequenceEqual(":authority"u8))
                {
                    authority = value;
                    authorities++;
                }
                else if (name.SequenceEqual(":scheme"u8) && (value.SequenceEqual("http"u8) || value.SequenceEqual("https"u8)))
                {
                    schemes++;
                }
                else
                {
                    return RequestFault.HeaderName;
                }

                continue;
            }

            regular = true;
            headers.TrimValue(i);
            value = headers.Value(i);
            var fault = CheckField(name, value);
            if (fault != RequestFault.None)
            {
                return fault;
            }

            if (name.SequenceEqual("host"u8))
            {
                host = value;
                hosts++;
            }
            else if (name.SequenceEqual("content-length"u8))
            {
                if (length >= 0 || Bytes.Number(value) is not { } number || (value.Length > 1 && value[0] == '0'))
                {
                    return RequestFault.ContentLength;
                }

                length = number;
            }
        }

        var isConnect = method.SequenceEqual("CONNECT"u8);
        if (methods != 1 || !Bytes.IsToken(method) || paths != (isConnect ? 0 : 1) || schemes != (isConnect ? 0 : 1))
        {
            return RequestFault.RequestLine;
        }

        if (authorities > 1 || hosts > 1 || authorities + hosts == 0
            || (authorities == 1 && hosts == 1 && !Ascii.EqualsIgnoreCase(authority, host)))
        {
            return RequestFault.Host;
        }

        authority = authorities == 1 ? authority : host;
        if (authority.IsEmpty || authority.ContainsAnyExcept(Bytes.Host))
        {
            return RequestFault.Host;
        }

        path = isConnect ? authority : path;
        if (path.IsEmpty || (!isConnect && path[0] != '/' && !path.SequenceEqual("*"u8)))
        {
            return RequestFault.Target;
        }

        request = new RequestFields(method, path, authority, length);
        return RequestTarget.Parse(method, path, out _, out _);
    }

    /// <summary>Trailers have no pseudo-headers, and nothing that frames or routes.</summary>
    public static bool AreTrailers(HeaderList headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        for (var i = 0; i < headers.Count; i++)
        {
            headers.TrimValue(i);
            if (CheckField(headers.Name(i), headers.Value(i)) != RequestFault.None
                || headers.Name(i).SequenceEqual("host"u8)
                || headers.Name(i).SequenceEqual("content-length"u8))
            {
                return false;
            }
        }

        return !headers.IsTooLarge;
    }

    private static RequestFault CheckField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (!Bytes.IsToken(name) || name.ContainsAnyInRange((byte)'A', (byte)'Z')
            || name.SequenceEqual("content_length"u8) || name.SequenceEqual("transfer_encoding"u8))
        {
            return RequestFault.HeaderName;
        }

        if (value.ContainsAny(Bytes.Control))
        {
            return RequestFault.HeaderValue;
        }

        // Of HTTP/1's connections: here they can only mislead (§8.2.2).
        return name.SequenceEqual("connection"u8) || name.SequenceEqual("upgrade"u8) || name.SequenceEqual("keep-alive"u8)
            || name.SequenceEqual("proxy-connection"u8) || (name.SequenceEqual("te"u8) && !value.SequenceEqual("trailers"u8))
            ? RequestFault.Connection
            : name.SequenceEqual("transfer-encoding"u8) ? RequestFault.TransferEncoding
            : RequestFault.None;
    }
}
