// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Weir.Testing;

/// <summary>Fills in and checks the checksums of whole frames: IP headers, TCP, UDP, ICMP, what is
/// encapsulated, and what an ICMP error quotes.</summary>
public static class Checksums
{
    /// <summary>The frame with its transport checksum filled in.</summary>
    public static byte[] Seal(this Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        byte[] bytes = frame.ToBytes();
        Packet p = Locate(bytes, LinkLength(bytes));
        if (Field(p) is { } field && p.L4 + field + 2 <= p.End)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(p.L4 + field), 0);
            ushort sum = Transport(bytes, p);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(p.L4 + field), sum == 0 && p.Protocol == 17 ? (ushort)0xffff : sum);
        }

        return bytes;
    }

    /// <summary>Sets time to live or hop limit of the IP packet at the offset.</summary>
    public static byte[] WithTtl(byte[] frame, byte ttl)
    {
        byte[] bytes = [.. frame];
        int l3 = LinkLength(bytes);
        if (bytes[l3] >> 4 == 6)
        {
            bytes[l3 + 7] = ttl;
            return bytes;
        }

        bytes[l3 + 8] = ttl;
        bytes.AsSpan(l3 + 10, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(l3 + 10), Frame.Checksum(bytes.AsSpan(l3, (bytes[l3] & 15) * 4)));
        return bytes;
    }

    /// <summary>Bytes before the IP packet: Ethernet header and tags.</summary>
    public static int LinkLength(ReadOnlySpan<byte> frame)
    {
        int offset = 12;
        while (BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]) is 0x8100 or 0x88a8)
        {
            offset += 4;
        }

        return offset + 2;
    }

    /// <summary>What is wrong with the frame's checksums and lengths; null: nothing.</summary>
    public static string? Problem(ReadOnlySpan<byte> frame) => ProblemAt(frame, LinkLength(frame), quoted: false);

    private static string? ProblemAt(ReadOnlySpan<byte> frame, int l3, bool quoted)
    {
        Packet p = Locate(frame, l3);
        if (frame[l3] >> 4 == 4 && Frame.Checksum(frame.Slice(l3, (frame[l3] & 15) * 4)) != 0)
        {
            return $"IPv4 header at {l3}";
        }

        if (p.End > frame.Length)
        {
            return quoted ? null : $"length of the packet at {l3}";
        }

        if (p.Protocol is 4 or 41)
        {
            return ProblemAt(frame, p.L4, quoted: false);
        }

        bool none = p.Protocol == 17 && p.L4 + 8 <= p.End && BinaryPrimitives.ReadUInt16BigEndian(frame[(p.L4 + 6)..]) == 0;
        if (!p.IsFragment && !none && Field(p) is not null && Transport(frame, p) != 0)
        {
            return $"protocol {p.Protocol} at {p.L4}";
        }

        bool error = (p.Protocol == 1 && frame[p.L4] is 3 or 11 or 12) || (p.Protocol == 58 && frame[p.L4] < 128);
        return error && !quoted ? ProblemAt(frame, p.L4 + 8, quoted: true) : null;
    }

    private static int? Field(Packet p) => p.Protocol switch
    {
        6 => 16,
        17 => 6,
        1 or 58 => 2,
        _ => null,
    };

    private static ushort Transport(ReadOnlySpan<byte> frame, Packet p)
    {
        ReadOnlySpan<byte> data = frame[p.L4..p.End];
        if (p.Protocol == 1)
        {
            return Frame.Checksum(data);
        }

        bool v6 = frame[p.L3] >> 4 == 6;
        ReadOnlySpan<byte> addresses = v6 ? frame.Slice(p.L3 + 8, 32) : frame.Slice(p.L3 + 12, 8);
        byte[] pseudo = [.. addresses, 0, 0, (byte)(data.Length >> 8), (byte)data.Length, 0, 0, 0, p.Protocol, .. data];
        return Frame.Checksum(pseudo);
    }

    private static Packet Locate(ReadOnlySpan<byte> frame, int l3)
    {
        if (frame[l3] >> 4 == 4)
        {
            int total = BinaryPrimitives.ReadUInt16BigEndian(frame[(l3 + 2)..]);
            bool fragment = (BinaryPrimitives.ReadUInt16BigEndian(frame[(l3 + 6)..]) & 0x3fff) != 0;
            return new Packet(l3, l3 + (frame[l3] & 15) * 4, l3 + total, frame[l3 + 9], fragment);
        }

        int end = l3 + 40 + BinaryPrimitives.ReadUInt16BigEndian(frame[(l3 + 4)..]);
        byte next = frame[l3 + 6];
        int at = l3 + 40;
        bool cut = false;
        while (next is 0 or 43 or 44 or 60)
        {
            cut |= next == 44;
            int length = next == 44 ? 8 : (frame[at + 1] + 1) * 8;
            next = frame[at];
            at += length;
        }

        return new Packet(l3, at, end, next, cut);
    }

    private readonly record struct Packet(int L3, int L4, int End, byte Protocol, bool IsFragment);
}
