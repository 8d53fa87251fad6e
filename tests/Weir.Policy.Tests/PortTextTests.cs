// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class PortTextTests
{
    [Theory]
    [InlineData("80/tcp", IpProtocol.Tcp, 80)]
    [InlineData("80", IpProtocol.Tcp, 80)]
    [InlineData("53/UDP", IpProtocol.Udp, 53)]
    [InlineData("icmp:8", IpProtocol.Icmp, 8 << 8)]
    [InlineData("icmp:3.4", IpProtocol.Icmp, (3 << 8) | 4)]
    [InlineData("icmpv6", IpProtocol.Icmpv6, 128 << 8)]
    [InlineData("gre", IpProtocol.Gre, 0)]
    public void Port_IsRead(string text, IpProtocol protocol, int port) =>
        Assert.Equal((true, protocol, (ushort)port), (PortText.TryParse(text, out var readProtocol, out var readPort), readProtocol, readPort));

    [Theory]
    [InlineData("")]
    [InlineData("tcp/80")]
    [InlineData("80/nope")]
    [InlineData("65536/tcp")]
    [InlineData("80/tcp/x")]
    [InlineData("icmp:256")]
    [InlineData("tcp:80")]
    [InlineData("8/icmp")]
    public void NoPort_IsRefused(string text) => Assert.False(PortText.TryParse(text, out _, out _));

    [Fact]
    public void NamedPorts_AreReadFromLabels_AndNonsenseIsPassedOver()
    {
        var ports = NamedPortLabels.Read(LabelSet.Parse(
            "container:weir.port.http=8080", "container:weir.port.dns=53/udp", "container:weir.port.bad=x", "container:weir.port.none=0", "container:role=web"));
        Assert.Equal(new NamedPort(8080, IpProtocol.Tcp), ports!["http"]);
        Assert.Equal(new NamedPort(53, IpProtocol.Udp), ports["dns"]);
        Assert.Equal(2, ports.Count);
        Assert.Null(NamedPortLabels.Read(LabelSet.Parse("container:role=web")));
    }
}
