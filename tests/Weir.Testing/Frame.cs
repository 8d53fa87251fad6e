// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;

namespace Weir.Testing;

/// <summary>Builds the bytes of one Ethernet frame; every field can be made wrong on purpose.</summary>
public sealed record Frame
{
    public static readonly byte[] ContainerMac = [0x02, 0x42, 0x0a, 0x0b, 0x00, 0x02];
    public static readonly byte[] GatewayMac = [0x02, 0x42, 0x0a, 0x0b, 0x00, 0x01];

    /// <summary>What a test run takes for the device's own.</summary>
    public static readonly byte[] DeviceMac = [0, 0, 0, 0, 0, 0];

    public byte[] SourceMac { get; init; } = ContainerMac;

    public byte[] DestinationMac { get; init; } = GatewayMac;

    public ushort? EtherType { get; init; }

    public ushort? Vlan { get; init; }

    public required string Source { get; init; }

    public required string Destination { get; init; }

    public byte Protocol { get; init; } = 6;

    public ushort SourcePort { get; init; } = 40000;

    public ushort DestinationPort { get; init; } = 80;

    /// <summary>TCP flags; SYN by default.</summary>
    public byte TcpFlags { get; init; } = 2;

    /// <summary>TCP; the default acknowledges the first byte of a frame with the default.</summary>
    public uint Sequence { get; init; } = 1000;

    /// <summary>TCP; written where the flags say so.</summary>
    public uint Acknowledgement { get; init; } = 1001;

    /// <summary>TCP's, a multiple of four bytes.</summary>
    public byte[] TcpOptions { get; init; } = [];

    public byte IcmpType { get; init; } = 8;

    public byte IcmpCode { get; init; }

    /// <summary>IPv4 flags and offset as on the wire; for IPv6 a fragment header is added when set.</summary>
    public ushort? Fragment { get; init; }

    public ushort FragmentId { get; init; } = 77;

    /// <summary>IPv4 options, a multiple of four bytes.</summary>
    public byte[] Options { get; init; } = [];

    /// <summary>IPv6 extension header put before the payload: its protocol number.</summary>
    public byte? ExtensionHeader { get; init; }

    /// <summary>What follows the layer 4 header.</summary>
    public byte[] Payload { get; init; } = [1, 2, 3, 4];

    /// <summary>Replaces the whole layer 4 part.</summary>
    public byte[]? RawL4 { get; init; }

    /// <summary>Added to the length that the IP header claims.</summary>
    public int LengthError { get; init; }

    /// <summary>The hops that are left; null: as a host sends it.</summary>
    public int? HopLimit { get; init; }

    public int Hops => HopLimit ?? (IsV6 ? 255 : 64);

    private bool IsV6 => Source.Contains(':', StringComparison.Ordinal);

    /// <summary>The same packet travelling the other way, as the peer's answer.</summary>
    public Frame Reply(byte tcpFlags = 0x12) => this with
    {
        Source = Destination,
        Destination = Source,
        SourcePort = DestinationPort,
        DestinationPort = SourcePort,
        TcpFlags = tcpFlags,
        IcmpType = IcmpType == 8 ? (byte)0 : IcmpType == 128 ? (byte)129 : IcmpType,
    };

    /// <summary>The IP packet without its Ethernet header, as an ICMP error quotes it.</summary>
    public byte[] Quote() => [.. ToBytes().AsSpan(14)];

    public byte[] ToBytes()
    {
        byte[] l4 = RawL4 ?? LayerFour();
        byte[] ip = IsV6 ? Ipv6(l4) : Ipv4(l4);
        ushort type = EtherType ?? (IsV6 ? (ushort)0x86dd : (ushort)0x0800);
        byte[] tag = Vlan is { } vlan ? [0x81, 0x00, (byte)(vlan >> 8), (byte)vlan] : [];
        byte[] frame = [.. DestinationMac, .. SourceMac, .. tag, (byte)(type >> 8), (byte)type, .. ip];
        return frame;
    }

    /// <summary>The bytes with the right checksum of TCP, UDP or ICMP; for a frame without options, extension
    /// header and tag.</summary>
    public byte[] WithChecksums()
    {
        byte[] bytes = ToBytes();
        int start = IsV6 ? 54 : 34;
        int at = start + (Protocol == 6 ? 16 : Protocol == 17 ? 6 : 2);
        byte[] addresses = IsV6 ? bytes[22..54] : bytes[26..34];
        int length = bytes.Length - start;
        byte[] pseudo = Protocol == 1 ? [] : [.. addresses, 0, Protocol, (byte)(length >> 8), (byte)length];
        bytes[at] = bytes[at + 1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), Checksum([.. pseudo, .. bytes[start..]]));
        return bytes;
    }

    private byte[] LayerFour()
    {
        byte[] head;
        switch (Protocol)
        {
            case 6:
                head = new byte[20 + TcpOptions.Length];
                head[12] = (byte)(head.Length / 4 << 4);
                TcpOptions.CopyTo(head, 20);
                head[13] = TcpFlags;
                BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(4), Sequence);
                BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(8), (TcpFlags & 0x10) != 0 ? Acknowledgement : 0);
                break;
            case 17:
                head = new byte[8];
                BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(4), (ushort)(8 + Payload.Length));
                break;
            case 132:
                head = new byte[12];
                break;
            case 1 or 58:
                head = new byte[8];
                head[0] = IcmpType;
                head[1] = IcmpCode;
                BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(4), SourcePort);
                return [.. head, .. Payload];
            default:
                return Payload;
        }

        BinaryPrimitives.WriteUInt16BigEndian(head, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(2), DestinationPort);
        return [.. head, .. Payload];
    }

    private byte[] Ipv4(byte[] l4)
    {
        byte[] head = new byte[20 + Options.Length];
        head[0] = (byte)(0x40 | (head.Length / 4));
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(2), (ushort)(head.Length + l4.Length + LengthError));
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(4), FragmentId);
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(6), Fragment ?? 0);
        head[8] = (byte)Hops;
        head[9] = Protocol;
        IPAddress.Parse(Source).TryWriteBytes(head.AsSpan(12), out _);
        IPAddress.Parse(Destination).TryWriteBytes(head.AsSpan(16), out _);
        Options.CopyTo(head, 20);
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(10), Checksum(head));
        return [.. head, .. l4];
    }

    private byte[] Ipv6(byte[] l4)
    {
        byte[] extension = [];
        byte next = Protocol;
        if (Fragment is { } fragment)
        {
            extension = new byte[8];
            extension[0] = Protocol;
            BinaryPrimitives.WriteUInt16BigEndian(extension.AsSpan(2), fragment);
            BinaryPrimitives.WriteUInt32BigEndian(extension.AsSpan(4), FragmentId);
            next = 44;
        }
        else if (ExtensionHeader is { } kind)
        {
            extension = new byte[8];
            extension[0] = Protocol;
            next = kind;
        }

        byte[] head = new byte[40];
        head[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(head.AsSpan(4), (ushort)(extension.Length + l4.Length + LengthError));
        head[6] = next;
        head[7] = (byte)Hops;
        IPAddress.Parse(Source).TryWriteBytes(head.AsSpan(8), out _);
        IPAddress.Parse(Destination).TryWriteBytes(head.AsSpan(24), out _);
        return [.. head, .. extension, .. l4];
    }

    /// <summary>The Internet checksum, RFC 1071.</summary>
    public static ushort Checksum(ReadOnlySpan<byte> data)
    {
        uint sum = 0;
        for (int i = 0; i < data.Length; i += 2)
        {
            sum += (uint)(data[i] << 8 | (i + 1 < data.Length ? data[i + 1] : 0));
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
