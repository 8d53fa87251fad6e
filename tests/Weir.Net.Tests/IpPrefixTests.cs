// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Xunit;

namespace Weir.Net.Tests;

public sealed class IpPrefixTests
{
    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("10.1")]
    [InlineData("010.0.0.1")]
    [InlineData("0x0a.0.0.1")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/08")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("10.0.0.0/+8")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("10.0.0.0 /8")]
    [InlineData("fd00::/129")]
    [InlineData("fe80::1%eth0/64")]
    [InlineData("[fd00::]/8")]
    public void TryParse_NoPrefix_IsRefused(string text)
    {
        Assert.False(IpPrefix.TryParse(text, out _));
        Assert.Throws<FormatException>(() => IpPrefix.Parse(text));
    }

    [Theory]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("10.1.2.3", "10.1.2.3/32")]
    [InlineData("0.0.0.0/0", "0.0.0.0/0")]
    [InlineData("::/0", "::/0")]
    [InlineData("FD00::1", "fd00::1/128")]
    [InlineData("10.1.2.3/24", "10.1.2.3/24")]
    public void Parse_Prefix_IsWrittenBack(string text, string expected) => Assert.Equal(expected, IpPrefix.Parse(text).ToString());

    [Theory]
    [InlineData("10.1.2.3/0", "0.0.0.0/0")]
    [InlineData("10.1.2.3/9", "10.0.0.0/9")]
    [InlineData("10.255.2.3/12", "10.240.0.0/12")]
    [InlineData("10.1.2.3/32", "10.1.2.3/32")]
    [InlineData("fd77:1:2:3::5/33", "fd77:1::/33")]
    public void Masked_ClearsHostBits(string text, string expected) =>
        Assert.Equal(expected, IpPrefix.Parse(text).Masked.ToString());

    [Theory]
    [InlineData("10.0.0.0/8", "11.0.0.0", false)]
    [InlineData("10.0.0.0/8", "10.255.255.255", true)]
    [InlineData("10.128.0.0/9", "10.127.255.255", false)]
    [InlineData("0.0.0.0/0", "255.255.255.255", true)]
    [InlineData("0.0.0.0/0", "::", false)]
    [InlineData("::/0", "10.0.0.1", false)]
    [InlineData("fd00::/7", "fe00::", false)]
    [InlineData("fd00::/8", "fdff::1", true)]
    public void Contains_Address(string prefix, string address, bool expected) =>
        Assert.Equal(expected, IpPrefix.Parse(prefix).Contains(IPAddress.Parse(address)));

    [Theory]
    [InlineData("10.0.0.0/8", "10.1.0.0/16", true, true)]
    [InlineData("10.1.0.0/16", "10.0.0.0/8", false, true)]
    [InlineData("10.0.0.0/8", "11.0.0.0/8", false, false)]
    [InlineData("10.0.0.0/8", "10.0.0.0/8", true, true)]
    [InlineData("0.0.0.0/0", "::/0", false, false)]
    public void Contains_Prefix(string left, string right, bool contains, bool overlaps)
    {
        Assert.Equal(contains, IpPrefix.Parse(left).Contains(IpPrefix.Parse(right)));
        Assert.Equal(overlaps, IpPrefix.Parse(left).Overlaps(IpPrefix.Parse(right)));
        Assert.Equal(overlaps, IpPrefix.Parse(right).Overlaps(IpPrefix.Parse(left)));
    }

    [Fact]
    public void Constructor_LengthOutOfRange_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new IpPrefix(IPAddress.Any, 33));
        Assert.Throws<ArgumentOutOfRangeException>(() => new IpPrefix(IPAddress.IPv6Any, -1));
    }

    [Fact]
    public void CompareTo_OrdersByFamilyAddressLength()
    {
        string[] expected = ["0.0.0.0/0", "9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/16", "::/0", "fd00::/8"];
        var sorted = expected.Reverse().Select(IpPrefix.Parse).Order().Select(prefix => prefix.ToString());
        Assert.Equal(expected, sorted);
    }
}
