// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>Settings that pass through the proxy (RFC 9113 §6.5): nothing is agreed on that it could not follow.</summary>
internal static class Http2Settings
{
    private const int Bytes = 6;
    private const ushort HeaderTableSize = 1;
    private const ushort EnablePush = 2;
    private const ushort EnableConnectProtocol = 8;

    /// <summary>A client's settings for the server: it may not push what nobody asked for and nobody judged.</summary>
    public static byte[] FromClient(ReadOnlySpan<byte> payload, bool isFirst)
    {
        List<byte> kept = Keep(payload, EnablePush);
        if (isFirst)
        {
            kept.AddRange([0, (byte)EnablePush, 0, 0, 0, 0]);
        }

        return Frame.Write(FrameType.Settings, FrameFlags.None, 0, kept.ToArray());
    }

    /// <summary>A server's settings for the client: WebSockets on a stream are not supported.</summary>
    public static byte[] FromServer(ReadOnlySpan<byte> payload) =>
        Frame.Write(FrameType.Settings, FrameFlags.None, 0, Keep(payload, EnableConnectProtocol).ToArray());

    private static List<byte> Keep(ReadOnlySpan<byte> payload, ushort except)
    {
        var kept = new List<byte>(payload.Length + Bytes);
        Span<byte> setting = stackalloc byte[Bytes];
        for (; payload.Length >= Bytes; payload = payload[Bytes..])
        {
            var id = BinaryPrimitives.ReadUInt16BigEndian(payload);
            if (id == except)
            {
                continue;
            }

            var value = BinaryPrimitives.ReadUInt32BigEndian(payload[2..]);
            BinaryPrimitives.WriteUInt16BigEndian(setting, id);
            BinaryPrimitives.WriteUInt32BigEndian(setting[2..], id == HeaderTableSize ? Math.Min(value, HpackDecoder.MostTableBytes) : value);
            kept.AddRange(setting);
        }

        return kept;
    }
}
