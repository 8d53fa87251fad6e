// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;

namespace Weir.Proxy.Tests.TakeOvers;

/// <summary>A TCP segment as it was seen on the way.</summary>
internal sealed record Segment
{
    public const byte Fin = 1;
    public const byte Syn = 2;
    public const byte Rst = 4;

    public required IPEndPoint Source { get; init; }

    public required IPEndPoint Destination { get; init; }

    public required uint Number { get; init; }

    public required uint Acknowledged { get; init; }

    public required ushort Window { get; init; }

    public required byte Flags { get; init; }

    public required byte[] Data { get; init; }

    public ushort? Mss { get; private set; }

    public byte? Scale { get; private set; }

    public bool HasSack { get; private set; }

    public uint? Stamp { get; private set; }

    public uint? EchoedStamp { get; private set; }

    /// <returns>Null: the frame is none.</returns>
    public static Segment? Read(ReadOnlySpan<byte> frame)
    {
        const byte Tcp = 6;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        ReadOnlySpan<byte> packet = frame[14..];
        bool isV6 = type == 0x86dd;
        if (!(isV6 ? packet[6] == Tcp : type == 0x800 && packet[9] == Tcp))
        {
            return null;
        }

        int length = isV6 ? 40 + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) : BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        ReadOnlySpan<byte> tcp = packet[(isV6 ? 40 : 20)..length];
        int header = (tcp[12] >> 4) * 4;
        IPAddress Address(ReadOnlySpan<byte> ip, int at) => new(isV6 ? ip.Slice(8 + (at * 16), 16) : ip.Slice(12 + (at * 4), 4));
        var segment = new Segment
        {
            Source = new IPEndPoint(Address(packet, 0), BinaryPrimitives.ReadUInt16BigEndian(tcp)),
            Destination = new IPEndPoint(Address(packet, 1), BinaryPrimitives.ReadUInt16BigEndian(tcp[2..])),
            Number = BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]),
            Acknowledged = BinaryPrimitives.ReadUInt32BigEndian(tcp[8..]),
            Flags = tcp[13],
            Window = BinaryPrimitives.ReadUInt16BigEndian(tcp[14..]),
            Data = tcp[header..].ToArray(),
        };
        segment.ReadOptions(tcp[20..header]);
        return segment;
    }

    private void ReadOptions(ReadOnlySpan<byte> options)
    {
        while (!options.IsEmpty && options[0] != 0)
        {
            if (options[0] == 1)
            {
                options = options[1..];
                continue;
            }

            ReadOnlySpan<byte> value = options[2..options[1]];
            switch (options[0])
            {
                case 2:
                    Mss = BinaryPrimitives.ReadUInt16BigEndian(value);
                    break;
                case 3:
                    Scale = value[0];
                    break;
                case 4:
                    HasSack = true;
                    break;
                case 8:
                    (Stamp, EchoedStamp) = (BinaryPrimitives.ReadUInt32BigEndian(value), BinaryPrimitives.ReadUInt32BigEndian(value[4..]));
                    break;
            }

            options = options[options[1]..];
        }
    }
}
