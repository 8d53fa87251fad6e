// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Policies;
using Weir.Net;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests;

public sealed class SmallPartsTests
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
        Assert.Equal((protocol, (ushort)port), PortText.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("tcp/80")]
    [InlineData("80/nope")]
    [InlineData("65536/tcp")]
    [InlineData("80/tcp/x")]
    [InlineData("icmp:256")]
    [InlineData("tcp:80")]
    [InlineData("8/icmp")]
    public void NoPort_IsRefused(string text) => Assert.Throws<ControlException>(() => PortText.Parse(text));

    [Fact]
    public void LabelFilter_Default_TakesLabelsButTheNoisyOnes()
    {
        LabelSet labels = LabelFilter.Default.Select(new Dictionary<string, string>
        {
            ["role"] = "web",
            ["com.docker.compose.service"] = "api",
            ["com.docker.compose.config-hash"] = "0123",
            ["org.opencontainers.image.version"] = "1",
        });
        Assert.Equal(["container:com.docker.compose.service=api", "container:role=web"], labels.Select(label => label.ToString()));
    }

    [Fact]
    public void LabelFilter_ExcludeWins_AndStarStandsForTheRest()
    {
        var filter = new LabelFilter(["app*"], ["app-secret*"]);
        LabelSet labels = filter.Select(new Dictionary<string, string> { ["app"] = "1", ["app-name"] = "2", ["app-secret-key"] = "3", ["role"] = "4" });
        Assert.Equal(["app", "app-name"], labels.Select(label => label.Key));
    }

    [Fact]
    public void LabelFilter_IsNotFlooded()
    {
        Dictionary<string, string> many = Enumerable.Range(0, 10_000).ToDictionary(i => $"k{i}", _ => "v");
        many["huge"] = new string('x', 100_000);
        LabelSet labels = LabelFilter.Default.Select(many);
        Assert.InRange(labels.Count, 1, 256);
        Assert.DoesNotContain(labels, label => label.Key == "huge");
    }

    [Fact]
    public void NamedPorts_AreReadFromLabels_AndNonsenseIsPassedOver()
    {
        Dictionary<string, NamedPort>? ports = NamedPortLabels.Read(LabelSet.Parse(
            "container:weir.port.http=8080", "container:weir.port.dns=53/udp", "container:weir.port.bad=x", "container:weir.port.none=0", "container:role=web"));
        Assert.Equal(new NamedPort(8080, IpProtocol.Tcp), ports!["http"]);
        Assert.Equal(new NamedPort(53, IpProtocol.Udp), ports["dns"]);
        Assert.Equal(2, ports.Count);
        Assert.Null(NamedPortLabels.Read(LabelSet.Parse("container:role=web")));
    }
}
