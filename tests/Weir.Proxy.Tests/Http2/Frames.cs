// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Weir.Http.Http2;

namespace Weir.Proxy.Tests.Http2;

/// <summary>Frames as a peer writes them, right or wrong, and as a test reads them.</summary>
internal static class Frames
{
    public const FrameFlags End = FrameFlags.EndStream;
    public const FrameFlags EndHeaders = FrameFlags.EndHeaders;
    public const FrameFlags Both = End | EndHeaders;
    public const FrameFlags Padded = FrameFlags.Padded;
    public const FrameFlags WithPriority = FrameFlags.Priority;

    public static string Preface { get; } = Encoding.Latin1.GetString(Frame.Preface);

    public static string Get { get; } = Request("GET");

    public static string Post { get; } = Request("POST");

    /// <summary>A frame of any kind, its payload as Latin-1.</summary>
    public static string Make(FrameType type, FrameFlags flags, uint stream, string payload)
    {
        var output = new ArrayBufferWriter<byte>();
        Frame.Write(output, type, flags, stream, Encoding.Latin1.GetBytes(payload));
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    public static string Headers(uint stream, string block, FrameFlags flags = Both) => Make(FrameType.Headers, flags, stream, block);

    public static string Continuation(uint stream, string block, FrameFlags flags = EndHeaders) => Make(FrameType.Continuation, flags, stream, block);

    public static string Data(uint stream, string text, FrameFlags flags = End) => Make(FrameType.Data, flags, stream, text);

    public static string Reset(uint stream, Http2Error error = Http2Error.Cancel) => Make(FrameType.RstStream, 0, stream, Number((uint)error));

    public static string WindowUpdate(uint stream, uint credit) => Make(FrameType.WindowUpdate, 0, stream, Number(credit));

    public static string Priority(uint stream, uint on) => Make(FrameType.Priority, 0, stream, Number(on) + "\u000f");

    public static string Ping(string text = "12345678", FrameFlags flags = 0) => Make(FrameType.Ping, flags, 0, text);

    public static string GoAway(Http2Error error = Http2Error.NoError) => Make(FrameType.GoAway, 0, 0, Number(0) + Number((uint)error));

    public static string Settings(params (SettingType Type, uint Value)[] settings) =>
        Make(FrameType.Settings, 0, 0, string.Concat(settings.Select(setting => "\0" + (char)setting.Type + Number(setting.Value))));

    public static string SettingsAck { get; } = Make(FrameType.Settings, FrameFlags.Ack, 0, "");

    public static string Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return Encoding.Latin1.GetString(bytes);
    }

    public static string Request(string method, params (string Name, string Value)[] more) =>
        Block([(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "a"), .. more]);

    /// <summary>A block of literals, as any names and values are.</summary>
    public static string Block(params (string Name, string Value)[] fields) =>
        string.Concat(fields.Select(field => "\0" + Text(field.Name) + Text(field.Value)));

    /// <summary>Whole frames in words, one each.</summary>
    public static List<string> Read(ReadOnlySpan<byte> data) => Read(data, out _);

    /// <param name="used">Bytes of them.</param>
    public static List<string> Read(ReadOnlySpan<byte> data, out int used)
    {
        List<string> words = [];
        used = 0;
        while (data.Length >= Frame.HeadBytes && Frame.Read(data) is var frame && data.Length >= Frame.HeadBytes + frame.Length)
        {
            words.Add(Describe(in frame, data.Slice(Frame.HeadBytes, frame.Length)));
            data = data[(Frame.HeadBytes + frame.Length)..];
            used += Frame.HeadBytes + frame.Length;
        }

        return words;
    }

    private static string Describe(in Frame frame, ReadOnlySpan<byte> payload)
    {
        var ack = frame.Flags.HasFlag(FrameFlags.Ack);
        return frame.Type switch
        {
            FrameType.Settings => ack ? "SETTINGS ACK" : "SETTINGS" + DescribeSettings(payload),
            FrameType.Ping => $"PING{(ack ? " ACK" : "")} {Encoding.Latin1.GetString(payload)}",
            FrameType.GoAway => $"GOAWAY {(Http2Error)BinaryPrimitives.ReadUInt32BigEndian(payload[4..])}",
            FrameType.RstStream => $"RST_STREAM {frame.Stream} {(Http2Error)BinaryPrimitives.ReadUInt32BigEndian(payload)}",
            FrameType.WindowUpdate => $"WINDOW_UPDATE {frame.Stream} {BinaryPrimitives.ReadUInt32BigEndian(payload)}",
            FrameType.Data => $"DATA {frame.Stream} {frame.Length}{(ack ? " END" : "")}",
            _ => $"{frame.Type.ToString().ToUpperInvariant()} {frame.Stream}{(ack ? " END" : "")}",
        };
    }

    private static string DescribeSettings(ReadOnlySpan<byte> payload)
    {
        var text = new StringBuilder();
        for (; payload.Length >= 6; payload = payload[6..])
        {
            text.Append(CultureInfo.InvariantCulture, $" {(SettingType)BinaryPrimitives.ReadUInt16BigEndian(payload)}={BinaryPrimitives.ReadUInt32BigEndian(payload[2..])}");
        }

        return text.ToString();
    }

    private static string Text(string text) => text.Length < 127
        ? (char)text.Length + text
        : "\u007f" + (text.Length - 127 < 128 ? $"{(char)(text.Length - 127)}" : $"{(char)(((text.Length - 127) & 0x7F) | 0x80)}{(char)((text.Length - 127) >> 7)}") + text;
}
