// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Buffers.Binary;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>
/// Settings that pass through the proxy (RFC 9113 §6.5): nothing is agreed on that it could not follow. So none
/// passes that it does not know; among those is gRPC's that allows bytes in headers which no other reader takes.
/// </summary>
internal static class Http2Settings
{
    private const int Bytes = 6;

    /// <summary>A client's settings for the server: it may not push what nobody asked for and nobody judged.</summary>
    public static void FromClient(IBufferWriter<byte> output, ReadOnlySpan<byte> payload, bool isFirst) =>
        Write(output, payload, isFirst ? SettingType.EnablePush : SettingType.None, 0);

    /// <summary>A server's settings for the client: WebSockets on a stream are not supported, and a client may
    /// have as many streams as the proxy keeps.</summary>
    public static void FromServer(IBufferWriter<byte> output, ReadOnlySpan<byte> payload, bool isFirst) =>
        Write(output, payload, isFirst ? SettingType.MaxConcurrentStreams : SettingType.None, Http2Streams.Most);

    /// <summary>The value of a setting, as it passes; null: it is not there.</summary>
    public static int? Find(ReadOnlySpan<byte> payload, SettingType wanted)
    {
        int? found = null;
        for (; payload.Length >= Bytes; payload = payload[Bytes..])
        {
            var type = (SettingType)BinaryPrimitives.ReadUInt16BigEndian(payload);
            found = type == wanted ? (int)Math.Min(Bound(type, BinaryPrimitives.ReadUInt32BigEndian(payload[2..])), int.MaxValue) : found;
        }

        return found;
    }

    private static void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> payload, SettingType first, uint value)
    {
        var kept = new byte[payload.Length + Bytes];
        var length = first == SettingType.None ? 0 : Add(kept, first, value);
        for (; payload.Length >= Bytes; payload = payload[Bytes..])
        {
            var type = (SettingType)BinaryPrimitives.ReadUInt16BigEndian(payload);
            if (type is SettingType.HeaderTableSize or SettingType.MaxConcurrentStreams or SettingType.InitialWindowSize
                or SettingType.MaxFrameSize or SettingType.MaxHeaderListSize or SettingType.NoPriorities)
            {
                length += Add(kept.AsSpan(length), type, Bound(type, BinaryPrimitives.ReadUInt32BigEndian(payload[2..])));
            }
        }

        Frame.Write(output, FrameType.Settings, FrameFlags.None, 0, kept.AsSpan(0, length));
    }

    private static uint Bound(SettingType type, uint value) => type switch
    {
        SettingType.HeaderTableSize => Math.Min(value, HpackDecoder.MostTableBytes),
        SettingType.MaxConcurrentStreams => Math.Min(value, Http2Streams.Most),
        _ => value,
    };

    private static int Add(Span<byte> output, SettingType type, uint value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(output, (ushort)type);
        BinaryPrimitives.WriteUInt32BigEndian(output[2..], value);
        return Bytes;
    }
}
