// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Weir.Services;
using Xunit;

namespace Weir.Control.Tests;

public sealed class PublishedPortsTests
{
    private static readonly IPAddress[] _host = [IPAddress.Parse("198.51.100.1"), IPAddress.Parse("2001:db8::1"), IPAddress.Parse("fe80::1")];

    [Fact]
    public void EveryAddress_OfTheContainersFamilies_IsAFrontend()
    {
        ServiceSpec both = Assert.Single(PublishedPorts.SpecsOf([EndpointWith(ipv6: true)], _host));
        Assert.Equal("docker/web/8080/tcp", both.Name);
        Assert.Equal(
            ["127.0.0.1:8080/tcp", "198.51.100.1:8080/tcp", "[::1]:8080/tcp", "[2001:db8::1]:8080/tcp"],
            both.Frontends.Select(frontend => frontend.ToString()));
        Assert.Equal(["10.0.0.2:80", "[fd00::2]:80"], both.Backends.Select(backend => backend.ToString()));
        Assert.Empty(both.Validate(published: true));

        ServiceSpec one = Assert.Single(PublishedPorts.SpecsOf([EndpointWith(ipv6: false)], _host));
        Assert.All(one.Frontends, frontend => Assert.False(frontend.IsIpv6));
        Assert.Empty(one.Validate(published: true));
    }

    [Fact]
    public void OneAddress_IsTheOnlyFrontend() =>
        Assert.Equal(["127.0.0.1:8080/tcp"], PublishedPorts.SpecsOf([EndpointWith(ipv6: true, IPAddress.Loopback)], _host).Single().Frontends.Select(frontend => frontend.ToString()));

    [Fact]
    public void OnePortOnSeveralAddresses_IsPublishedOnEach()
    {
        Endpoint endpoint = EndpointWith(ipv6: true);
        PublishedPort[] ports = [.. _host.Take(2).Append(IPAddress.Loopback).Select(address => new PublishedPort(IpProtocol.Tcp, 80, address, 8080))];
        Assert.Equal(
            ["docker/web/198.51.100.1:8080/tcp", "docker/web/[2001:db8::1]:8080/tcp", "docker/web/127.0.0.1:8080/tcp"],
            PublishedPorts.SpecsOf([endpoint with { Published = ports }], _host).Select(spec => spec.Name));
    }

    [Fact]
    public void UnknownContainer_PublishesNothingYet() =>
        Assert.Empty(PublishedPorts.SpecsOf([EndpointWith(ipv6: true) with { State = EndpointState.Init }], _host));

    [Fact]
    public void Reservations_GiveTheFirstFreePort_AndAllOrNone()
    {
        using var ports = new PortReservations();
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen(1);
        ushort used = (ushort)((IPEndPoint)taken.LocalEndPoint!).Port;
        IPAddress loopback = IPAddress.Loopback;
        ushort next = ports.Take([new PortWish(IpProtocol.Tcp, 80, loopback, used, (ushort)(used + 20))], hasIpv6: false).Single().HostPort;
        Assert.True(next > used);

        var free = new PortWish(IpProtocol.Tcp, 80, loopback, 0, 0);
        Assert.Contains($"{used}/tcp is in use", Assert.Throws<ControlException>(() => ports.Take([free, new PortWish(IpProtocol.Tcp, 80, loopback, used, used)], hasIpv6: false)).Message, StringComparison.Ordinal);
        PublishedPort given = ports.Take([free], hasIpv6: false).Single();
        ports.Release([given]);
        Assert.Equal(given.HostPort, ports.Take([new PortWish(IpProtocol.Tcp, 80, loopback, given.HostPort, given.HostPort)], hasIpv6: false).Single().HostPort);
    }

    private static Endpoint EndpointWith(bool ipv6, IPAddress? host = null) => new()
    {
        Id = 1,
        ExternalId = "e",
        NetworkId = "n",
        Name = "web",
        Ipv4 = IPAddress.Parse("10.0.0.2"),
        Ipv6 = ipv6 ? IPAddress.Parse("fd00::2") : null,
        Mac = new byte[6],
        Created = DateTimeOffset.UnixEpoch,
        State = EndpointState.Ready,
        Published = [new PublishedPort(IpProtocol.Tcp, 80, host, 8080)],
    };
}
