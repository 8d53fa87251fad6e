// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Net.Tests;

public sealed class DnsNameTests
{
    [Theory]
    [InlineData("api", "api")]
    [InlineData("API.App", "api.app")]
    [InlineData("shop_web_1", "shop_web_1")]
    [InlineData("0-9", "0-9")]
    public void Name_IsRead_AndWrittenAsDnsDoes_AndBack(string text, string name)
    {
        Assert.True(DnsName.TryParse(text, out DnsName parsed));
        Assert.Equal(name, $"{parsed}");
        byte[] wire = new byte[DnsName.WireBytes];
        parsed.Write(wire);
        Assert.Equal(parsed, DnsName.Read(wire));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("api.")]
    [InlineData("a..b")]
    [InlineData("a b")]
    [InlineData("b\u00fcro")]
    [InlineData("a\0b")]
    public void WhatIsNoName_IsRefused(string? text) => Assert.False(DnsName.TryParse(text, out _));

    [Fact]
    public void Lengths_AreThoseThatFit()
    {
        Assert.True(DnsName.TryParse(new string('a', 63), out _));
        Assert.False(DnsName.TryParse(new string('a', 64), out _));
        Assert.True(DnsName.TryParse(new string('a', 63) + "." + new string('b', 62), out DnsName longest));
        byte[] wire = new byte[DnsName.WireBytes];
        longest.Write(wire);
        Assert.Equal(longest, DnsName.Read(wire));
        Assert.False(DnsName.TryParse(new string('a', 63) + "." + new string('b', 63), out _));
        Assert.Null(longest.In(longest));
    }

    [Fact]
    public void BytesThatAreNoName_AreReadWithoutHarm()
    {
        Assert.Equal("", $"{DnsName.Read([])}");
        Assert.Equal("a", $"{DnsName.Read([63, (byte)'a'])}");
    }
}
