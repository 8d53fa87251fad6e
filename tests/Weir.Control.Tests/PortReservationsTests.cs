// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Xunit;

namespace Weir.Control.Tests;

public sealed class PortReservationsTests
{
    [Theory]
    [InlineData(IpProtocol.Tcp)]
    [InlineData(IpProtocol.Udp)]
    public void HeldPort_RefusesWhoComes_AndIsNobodyElses(IpProtocol protocol)
    {
        using var reservations = new PortReservations();
        PublishedPort held = Assert.Single(reservations.Take([new PortWish(protocol, 53, IPAddress.Loopback, 0, 0)], hasIpv6: false));
        var place = new IPEndPoint(IPAddress.Loopback, held.HostPort);

        using Socket client = Make(protocol);
        client.ReceiveTimeout = 5000;
        SocketException refused = Assert.Throws<SocketException>(() =>
        {
            client.Connect(place);
            client.Send([1]);
            client.Receive(new byte[1]);
        });
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);

        foreach (IPAddress address in new[] { IPAddress.Loopback, IPAddress.Any })
        {
            using Socket other = Make(protocol);
            SocketException taken = Assert.Throws<SocketException>(() => other.Bind(new IPEndPoint(address, held.HostPort)));
            Assert.Equal(SocketError.AddressAlreadyInUse, taken.SocketErrorCode);
        }

        reservations.Release([held]);
        using Socket next = Make(protocol);
        next.Bind(place);
    }

    private static Socket Make(IpProtocol protocol) => protocol == IpProtocol.Tcp
        ? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        : new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
}
