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
    private const ushort MaxConcurrentStreams = 3;
    private const ushort EnableConnectProtocol = 8;

    /// <summary>A client's settings for the server: it may not push what nobody asked for and nobody judged.</summary>
    public static byte[] FromClient(ReadOnlySpan<byte> payload, bool isFirst)
    {
        List<byte> kept = Keep(payload, EnablePush);
        if (isFirst)
        {
            kept.AddRange(Setting(EnablePush, 0));
        }

        return Frame.Write(FrameType.Settings, FrameFlags.None, 0, kept.ToArray());
    }

    /// <summary>A server's settings for the client: WebSockets on a stream are not supported, and a client may
    /// have as many streams as the proxy keeps.</summary>
    public static byte[] FromServer(ReadOnlySpan<byte> payload, bool isFirst)
    {
        List<byte> kept = isFirst ? [.. Setting(MaxConcurrentStreams, Http2Session.MostStreams)] : [];
        kept.AddRange(Keep(payload, EnableConnectProtocol));
        return Frame.Write(FrameType.Settings, FrameFlags.None, 0, kept.ToArray());
    }

    private static List<byte> Keep(ReadOnlySpan<byte> payload, ushort except)
    {
        var kept = new List<byte>(payload.Length + Bytes);
        for (; payload.Length >= Bytes; payload = payload[Bytes..])
        {
            var id = BinaryPrimitives.ReadUInt16BigEndian(payload);
            if (id == except)
            {
                continue;
            }

            var most = id == HeaderTableSize ? HpackDecoder.MostTableBytes : id == MaxConcurrentStreams ? Http2Session.MostStreams : uint.MaxValue;
            kept.AddRange(Setting(id, Math.Min(BinaryPrimitives.ReadUInt32BigEndian(payload[2..]), most)));
        }

        return kept;
    }

    private static byte[] Setting(ushort id, uint value)
    {
        var setting = new byte[Bytes];
        BinaryPrimitives.WriteUInt16BigEndian(setting, id);
        BinaryPrimitives.WriteUInt32BigEndian(setting.AsSpan(2), value);
        return setting;
    }
}
