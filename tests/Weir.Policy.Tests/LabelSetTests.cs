// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class LabelSetTests
{
    [Theory]
    [InlineData("container:role=web", "container", "role", "web")]
    [InlineData("role=web", "any", "role", "web")]
    [InlineData("role", "any", "role", "")]
    [InlineData("reserved:host", "reserved", "host", "")]
    [InlineData("container:a:b=c=d", "container", "a:b", "c=d")]
    [InlineData("unknown:role=web", "any", "unknown:role", "web")]
    public void Parse(string text, string source, string key, string value) =>
        Assert.Equal(new Label(source, key, value), Label.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("=x")]
    [InlineData("container:=x")]
    public void Parse_NoKey_Throws(string text) => Assert.Throws<FormatException>(() => Label.Parse(text));

    [Fact]
    public void Order_DoesNotMatter()
    {
        var one = LabelSet.Parse("container:b=2", "container:a=1");
        var two = LabelSet.Parse("container:a=1", "container:b=2");
        Assert.Equal(one, two);
        Assert.Equal(one.GetHashCode(), two.GetHashCode());
        Assert.Equal("container:a=1;container:b=2;", one.Canonical);
    }

    [Fact]
    public void Canonical_IsUnambiguous_AndReadsBack()
    {
        LabelSet[] sets =
        [
            LabelSet.Empty,
            new([new("container", "a", "1;container:b=2")]),
            new([new("container", "a", "1"), new("container", "b", "2")]),
            new([new("container", "a", "1\\"), new("container", "b", "\\;\n")]),
        ];
        Assert.Equal(sets.Length, sets.Select(set => set.Canonical).Distinct().Count());
        foreach (var set in sets)
        {
            Assert.Equal(set, LabelSet.ParseCanonical(set.Canonical));
        }
    }

    [Fact]
    public void ForReserved_CarriesTheWorld()
    {
        Assert.Equal("reserved:host", LabelSet.ForReserved(Identity.Host).ToString());
        Assert.Equal("reserved:world, reserved:world-ipv4", LabelSet.ForReserved(Identity.WorldIpv4).ToString());
        Assert.Equal(
            "cidr:10.0.0.0/8, reserved:world, reserved:world-ipv4",
            LabelSet.ForReserved(Identity.ForCidr(1), IpPrefix.Parse("10.1.1.1/8")).ToString());
    }

    [Theory]
    [InlineData("role=web", true)]
    [InlineData("any:role=web", true)]
    [InlineData("k8s:role=web", true)]
    [InlineData("container:role=web", true)]
    [InlineData("node:role=web", false)]
    [InlineData("role=api", false)]
    [InlineData("role", false)]
    public void Label_Fits_WhateverSourceItDoesNotTell(string asked, bool expected) =>
        Assert.Equal(expected, Label.Parse(asked).Fits(Label.Parse("container:role=web")));
}
