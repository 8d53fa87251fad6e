// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Weir.Linux;

/// <summary>Sends ICMP echo by a device, whatever the routes say. Who answers, and who hears it, is not its business.</summary>
public static class LinkEcho
{
    /// <summary>Nobody's: a device without neighbours would write its own, and take the answer for a loop.</summary>
    private static readonly byte[] _to = [2, 0, 0, 0, 0, 1];

    /// <param name="number">With which the message's content begins.</param>
    /// <exception cref="SocketException">The kernel does not send it.</exception>
    public static void Send(int ifindex, IPAddress from, IPAddress to, ulong number)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        Span<byte> content = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(content, number);
        using var socket = new Socket(AddressFamily.Packet, SocketType.Dgram, 0);
        socket.SendTo(EchoMessage.Packet(from, to, 0, content), new LinkEndPoint(ifindex, to.AddressFamily == AddressFamily.InterNetworkV6));
    }

    /// <summary>struct sockaddr_ll.</summary>
    private sealed class LinkEndPoint(int ifindex, bool isIpv6) : EndPoint
    {
        private const int Bytes = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, Bytes);
            Span<byte> bytes = address.Buffer.Span;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)(isIpv6 ? 0x86dd : 0x0800));
            BitConverter.TryWriteBytes(bytes[4..], ifindex);
            bytes[11] = (byte)_to.Length;
            _to.CopyTo(bytes[12..]);
            return address;
        }
    }
}
