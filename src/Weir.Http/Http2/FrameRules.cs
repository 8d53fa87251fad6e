// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Weir.Http.Http2;

/// <summary>What every frame of a client must be by itself, whatever came before it (RFC 9113 §4.2, §6).</summary>
public static class FrameRules
{
    private const int SettingBytes = 6;
    private const int PriorityBytes = 5;
    private const int ResetBytes = 4;
    private const int PingBytes = 8;
    private const int LeastGoAwayBytes = 8;
    private const int CreditBytes = 4;
    private const uint LargestWindow = int.MaxValue;
    private const uint LargestFrame = (1 << 24) - 1;

    private static FrameFault Protocol => FrameFault.OfConnection(Http2Error.ProtocolError);

    private static FrameFault Size => FrameFault.OfConnection(Http2Error.FrameSizeError);

    /// <summary>What its head tells, before the rest has come.</summary>
    /// <param name="largest">Bytes of a payload that were agreed on.</param>
    public static FrameFault CheckHead(in Frame frame, int largest)
    {
        if (frame.Length > largest)
        {
            return Size;
        }

        bool isOfConnection = frame.Type is FrameType.Settings or FrameType.Ping or FrameType.GoAway;
        bool isOfStream = frame.Type is FrameType.Data or FrameType.Headers or FrameType.Priority or FrameType.RstStream or FrameType.Continuation;
        if ((isOfConnection && frame.Stream != 0) || (isOfStream && frame.Stream == 0))
        {
            return Protocol;
        }

        int padding = frame.Flags.HasFlag(FrameFlags.Padded) ? 1 : 0;
        return frame.Type switch
        {
            FrameType.Data when frame.Length < padding => Size,
            FrameType.Headers when frame.Length < padding + (frame.Flags.HasFlag(FrameFlags.Priority) ? PriorityBytes : 0) => Size,
            FrameType.Priority when frame.Length != PriorityBytes => new FrameFault(Http2Error.FrameSizeError, OfStream: true),
            FrameType.RstStream when frame.Length != ResetBytes => Size,
            FrameType.Settings when frame.Length % SettingBytes != 0 || (frame.Flags.HasFlag(FrameFlags.Ack) && frame.Length != 0) => Size,
            FrameType.PushPromise => Protocol, // §8.4: a client cannot push
            FrameType.Ping when frame.Length != PingBytes => Size,
            FrameType.GoAway when frame.Length < LeastGoAwayBytes => Size,
            FrameType.WindowUpdate when frame.Length != CreditBytes => Size,
            _ => FrameFault.None,
        };
    }

    /// <summary>What its payload tells. Not for DATA, whose payload is never there as a whole.</summary>
    /// <param name="payload">Of a frame whose head is right.</param>
    public static FrameFault CheckPayload(in Frame frame, ReadOnlySpan<byte> payload)
    {
        switch (frame.Type)
        {
            case FrameType.Headers:
                var fields = payload;
                if (!frame.TryStrip(ref fields))
                {
                    return Protocol;
                }

                return frame.Flags.HasFlag(FrameFlags.Priority)
                    ? CheckDependency(frame.Stream, payload[(frame.Flags.HasFlag(FrameFlags.Padded) ? 1 : 0)..])
                    : FrameFault.None;
            case FrameType.Priority:
                return CheckDependency(frame.Stream, payload);
            case FrameType.Settings:
                return CheckSettings(payload);
            case FrameType.WindowUpdate when Number(payload) == 0:
                return new FrameFault(Http2Error.ProtocolError, OfStream: frame.Stream != 0); // §6.9
            default:
                return FrameFault.None;
        }
    }

    /// <summary>Padding of DATA that leaves no room for itself (§6.1).</summary>
    /// <param name="data">The frame's head and, if it is padded, one byte more.</param>
    public static FrameFault CheckPadding(in Frame frame, ReadOnlySpan<byte> data) =>
        frame.Flags.HasFlag(FrameFlags.Padded) && data[Frame.HeadBytes] >= frame.Length ? Protocol : FrameFault.None;

    /// <summary>RFC 7540 §5.3.1: a stream cannot depend on itself.</summary>
    private static FrameFault CheckDependency(uint stream, ReadOnlySpan<byte> priority) =>
        Number(priority) == stream ? new FrameFault(Http2Error.ProtocolError, OfStream: true) : FrameFault.None;

    /// <summary>§6.5.2.</summary>
    private static FrameFault CheckSettings(ReadOnlySpan<byte> payload)
    {
        for (; payload.Length >= SettingBytes; payload = payload[SettingBytes..])
        {
            var value = BinaryPrimitives.ReadUInt32BigEndian(payload[2..]);
            switch ((SettingType)BinaryPrimitives.ReadUInt16BigEndian(payload))
            {
                case SettingType.EnablePush or SettingType.EnableConnectProtocol or SettingType.NoPriorities when value > 1:
                case SettingType.MaxFrameSize when value is < Frame.LeastMaximum or > LargestFrame:
                    return Protocol;
                case SettingType.InitialWindowSize when value > LargestWindow:
                    return FrameFault.OfConnection(Http2Error.FlowControlError);
                default:
                    break;
            }
        }

        return FrameFault.None;
    }

    private static uint Number(ReadOnlySpan<byte> payload) => BinaryPrimitives.ReadUInt32BigEndian(payload) & 0x7FFF_FFFF;
}
