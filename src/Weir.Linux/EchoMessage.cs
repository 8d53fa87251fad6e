// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Weir.Linux;

/// <summary>ICMP echo (RFC 792, RFC 4443 §4).</summary>
internal static class EchoMessage
{
    internal const int HeadBytes = 8;

    private const int Icmp = 1;
    private const int IcmpV6 = 58;
    private const int Hops = 64;

    internal static byte AnswerType(bool isIpv6) => (byte)(isIpv6 ? 129 : 0);

    /// <summary>The question, without a checksum where the kernel makes it (IPv6).</summary>
    internal static byte[] Question(bool isIpv6, ushort sequence, ReadOnlySpan<byte> content)
    {
        byte[] message = new byte[HeadBytes + content.Length];
        message[0] = (byte)(isIpv6 ? 128 : 8);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(4), (ushort)Environment.ProcessId);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), sequence);
        content.CopyTo(message.AsSpan(HeadBytes));
        if (!isIpv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(message));
        }

        return message;
    }

    /// <summary>The question with its IP header.</summary>
    internal static byte[] Packet(IPAddress from, IPAddress to, ushort sequence, ReadOnlySpan<byte> content)
    {
        bool isIpv6 = to.AddressFamily == AddressFamily.InterNetworkV6;
        byte[] message = Question(isIpv6, sequence, content);
        int head = isIpv6 ? 40 : 20;
        byte[] packet = new byte[head + message.Length];
        if (isIpv6)
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)message.Length);
            packet[6] = IcmpV6;
            packet[7] = Hops;
            from.GetAddressBytes().CopyTo(packet, 8);
            to.GetAddressBytes().CopyTo(packet, 24);
            byte[] summed = new byte[40 + message.Length]; // RFC 8200 §8.1
            packet.AsSpan(8, 32).CopyTo(summed);
            summed[35] = (byte)message.Length;
            summed[39] = IcmpV6;
            message.CopyTo(summed, 40);
            BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(summed));
        }
        else
        {
            packet[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
            packet[6] = 0x40; // it is not cut
            packet[8] = Hops;
            packet[9] = Icmp;
            from.GetAddressBytes().CopyTo(packet, 12);
            to.GetAddressBytes().CopyTo(packet, 16);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Checksum(packet.AsSpan(0, head)));
        }

        message.CopyTo(packet, head);
        return packet;
    }

    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
