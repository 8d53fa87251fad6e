// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Services.Tests;

public sealed class FrontendTests
{
    [Theory]
    [InlineData("203.0.113.10:80/tcp", "203.0.113.10:80/tcp")]
    [InlineData("203.0.113.10:80", "203.0.113.10:80/tcp")]
    [InlineData("203.0.113.10:65535/UDP", "203.0.113.10:65535/udp")]
    [InlineData("[2001:DB8:0::1]:53/udp", "[2001:db8::1]:53/udp")]
    public void Parse_Frontend_IsWrittenInOneWay(string text, string expected)
    {
        var frontend = Frontend.Parse(text);

        Assert.Equal(expected, frontend.ToString());
        Assert.Equal(frontend, Frontend.Parse(expected));
    }

    [Theory]
    [InlineData("", "address and port are missing")]
    [InlineData("203.0.113.10", "the port is missing")]
    [InlineData("203.0.113.10:", "the port is missing")]
    [InlineData("203.0.113.10/tcp", "the port is missing")]
    [InlineData(":80", "the address is missing")]
    [InlineData("203.0.113.10:0", "the port is a number from 1 to 65535, not \"0\"")]
    [InlineData("203.0.113.10:65536", "not \"65536\"")]
    [InlineData("203.0.113.10:+80", "not \"+80\"")]
    [InlineData("203.0.113.10:http", "not \"http\"")]
    [InlineData("203.0.113:80", "\"203.0.113\" is not an address")]
    [InlineData("shop.example:80", "\"shop.example\" is not an address")]
    [InlineData("203.0.113.10:80/sctp", "the protocol is tcp or udp, not \"sctp\"")]
    [InlineData("203.0.113.10:80/", "the protocol is tcp or udp, not \"\"")]
    [InlineData("203.0.113.10:80/6", "the protocol is tcp or udp, not \"6\"")]
    [InlineData("2001:db8::1:53/udp", "an IPv6 address stands in brackets")]
    [InlineData("[2001:db8::1:53/udp", "']' is missing")]
    [InlineData("[2001:db8::1]/udp", "the port is missing")]
    [InlineData("[2001:db8::1]53/udp", "expected ':'")]
    [InlineData("[203.0.113.10]:80", "only an IPv6 address stands in brackets")]
    [InlineData("[fe80::1%eth0]:80", "is not an address")]
    [InlineData("[::ffff:203.0.113.10]:80", "IPv4 address 203.0.113.10 in IPv6 form")]
    [InlineData("[]:80", "the address is missing")]
    public void TryParse_NoFrontend_SaysWhy(string text, string expected)
    {
        Assert.False(Frontend.TryParse(text, out _, out var error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Contains("write for example", error, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => Frontend.Parse(text));
    }

    [Fact]
    public void TryParse_HostileText_IsShownShortAndWithoutControlCharacters()
    {
        Assert.False(Frontend.TryParse("\u001b[31m" + new string('x', 10_000), out _, out var error));
        Assert.DoesNotContain('\u001b', error);
        Assert.InRange(error.Length, 1, 300);
    }

    [Fact]
    public void Compare_Mixed_Ipv4ThenByAddressPortProtocol()
    {
        string[] sorted = ["9.0.0.1:80/tcp", "9.0.0.1:80/udp", "9.0.0.1:443/tcp", "10.0.0.1:1/tcp", "[2001:db8::1]:1/tcp"];

        Assert.Equal(sorted, sorted.Reverse().Select(Frontend.Parse).Order().Select(frontend => frontend.ToString()));
        Assert.Equal(IpProtocol.Udp, Frontend.Parse(sorted[1]).Protocol);
    }
}
