// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Net.Tests;

public sealed class IdentityTests
{
    [Theory]
    [InlineData(0, true, false, false, false)]
    [InlineData(1, true, false, false, false)]
    [InlineData(2, true, false, true, false)]
    [InlineData(5, true, false, false, true)]
    [InlineData(9, true, false, true, false)]
    [InlineData(10, true, false, true, false)]
    [InlineData(256, false, false, false, true)]
    [InlineData(0x01000001, false, true, true, false)]
    public void Kinds(uint value, bool reserved, bool cidr, bool world, bool endpoint)
    {
        var identity = new Identity(value);
        Assert.Equal(reserved, identity.IsReserved);
        Assert.Equal(cidr, identity.IsCidr);
        Assert.Equal(world, identity.IsWorld);
        Assert.Equal(endpoint, identity.IsEndpoint);
    }

    [Fact]
    public void ReservedNames_ReadBack()
    {
        foreach (var identity in Identity.Reserved)
        {
            Assert.True(Identity.TryParseReserved(identity.ReservedName!, out var bare));
            Assert.True(Identity.TryParseReserved(identity.ToString(), out var full));
            Assert.Equal((identity, identity), (bare, full));
        }

        Assert.False(Identity.TryParseReserved("moon", out _));
    }

    [Theory]
    [InlineData("TCP", IpProtocol.Tcp)]
    [InlineData("icmp6", IpProtocol.Icmpv6)]
    [InlineData("47", IpProtocol.Gre)]
    public void Protocol_NameOrNumber_IsRead(string text, IpProtocol expected)
    {
        Assert.True(IpProtocolNames.TryParse(text, out var protocol));
        Assert.Equal(expected, protocol);
    }

    [Theory]
    [InlineData("")]
    [InlineData("256")]
    [InlineData("-1")]
    [InlineData("tcpp")]
    public void Protocol_Unknown_IsRefused(string text) => Assert.False(IpProtocolNames.TryParse(text, out _));
}
