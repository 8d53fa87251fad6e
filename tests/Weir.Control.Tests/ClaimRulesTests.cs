// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Addresses;
using Weir.Control.Claims;
using Weir.Control.State;
using Weir.Net;
using Xunit;

namespace Weir.Control.Tests;

/// <summary>Who gets the addresses that containers ask for by the label weir.addresses.</summary>
public sealed class ClaimRulesTests
{
    private static readonly DateTimeOffset _start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly List<Network> _networks =
    [
        new("front", 1, "front", false, 1500, [Subnet("10.210.0.0/24", "10.210.0.1"), Subnet("fd00:1::/64", "fd00:1::1")]),
        new("back", 2, "back", false, 1500, [Subnet("10.210.1.0/24", "10.210.1.1")]),
    ];

    private readonly List<Endpoint> _endpoints = [];
    private readonly List<HostRange> _host = [new(IpPrefix.Parse("192.0.2.1/24"), "192.0.2.1/24 of eth0")];

    [Theory]
    [InlineData("10.210.0.100", "10.210.0.100/32")]
    [InlineData("10.210.0.100, 10.8.0.0/24", "10.210.0.100/32 10.8.0.0/24")]
    [InlineData("[fd00:8::]/64,fd00:1::99", "fd00:8::/64 fd00:1::99/128")]
    [InlineData("10.8.0.0/24,10.8.0.0/24", "10.8.0.0/24")]
    [InlineData("10.210.0.2", "")] // its own
    public void Label_LeadsAddressesToTheContainer(string label, string expected)
    {
        Add("web", "front", "10.210.0.2", "fd00:1::2", label);
        ClaimPlan plan = Decide();
        Assert.Empty(plan.Problems);
        Assert.Equal(expected, string.Join(' ', plan.Granted.Select(claim => claim.Prefix)));
    }

    [Theory]
    [InlineData("", "is no address")]
    [InlineData("oops", "is no address")]
    [InlineData("10.0.0.0/99", "is no address")]
    [InlineData("::ffff:10.0.0.1", "is no address")]
    [InlineData("10.8.0.1/24", "write 10.8.0.0/24, or 10.8.0.1/32")]
    [InlineData("127.0.0.1", "loopback")]
    [InlineData("224.0.0.5", "multicast")]
    [InlineData("0.0.0.0/0", "\"this network\"")]
    [InlineData("8.0.0.0/7", "too large")]
    [InlineData("192.0.2.77", "192.0.2.1/24 of eth0")]
    [InlineData("10.210.1.5", "network back")]
    [InlineData("10.210.0.1", "gateway")]
    [InlineData("10.210.0.0/24", "gateway")]
    [InlineData("10.210.0.3", "api")]
    public void WhatIsAnothers_IsRefused_NamingIt(string label, string expected)
    {
        Add("web", "front", "10.210.0.2", "fd00:1::2", label);
        Add("api", "front", "10.210.0.3", "fd00:1::3", null);
        ClaimPlan plan = Decide();
        Assert.Empty(plan.Granted);
        string problem = Assert.Single(plan.Problems.Values);
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.Contains("label weir.addresses of web", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void AddressOfAFamilyThatItHasNot_IsRefused()
    {
        Add("web", "back", "10.210.1.2", null, "fd00:8::1,10.8.0.1");
        ClaimPlan plan = Decide();
        Assert.Equal("10.8.0.1/32", Assert.Single(plan.Granted).Prefix.ToString());
        Assert.Contains("no IPv6 address", Assert.Single(plan.Problems.Values), StringComparison.Ordinal);
    }

    [Fact]
    public void TooLongLabel_IsRefusedWhole()
    {
        Add("web", "front", "10.210.0.2", null, string.Join(',', Enumerable.Range(1, 17).Select(i => $"10.8.0.{i}")));
        Assert.Empty(Decide().Granted);
        Assert.Contains("16 entries", Assert.Single(Decide().Problems.Values), StringComparison.Ordinal);
    }

    [Fact]
    public void ImagesLabel_OpensNothing()
    {
        Endpoint web = Add("web", "front", "10.210.0.2", null, "10.8.0.1");
        _endpoints[0] = web with { Claims = web.Claims! with { IsOfImage = true } };
        Assert.Empty(Decide().Granted);
        Assert.Contains("builds an image", Assert.Single(Decide().Problems.Values), StringComparison.Ordinal);
    }

    [Fact]
    public void OfTwo_TheOlderHasIt_UntilItGoes()
    {
        Add("second", "front", "10.210.0.3", null, "10.210.0.100", age: 1);
        Add("first", "front", "10.210.0.2", null, "10.210.0.0/25,10.210.0.96/28", age: 2);
        ClaimPlan plan = Decide();
        Assert.Equal(["first-front"], plan.Granted.Select(claim => claim.ExternalId).Distinct());
        Assert.Contains("10.210.0.100/32 is first's", plan.Problems["second-front"], StringComparison.Ordinal);
        _endpoints.RemoveAt(1);
        Assert.Equal("second-front", Assert.Single(Decide().Granted).ExternalId);
        Assert.Empty(Decide().Problems);
    }

    [Fact]
    public void ContainerOnTwoNetworks_HasEachAddressOnce_WhereItsRangeIs()
    {
        Add("router", "front", "10.210.0.2", "fd00:1::2", "10.8.0.0/24,10.210.1.100,fd00:8::1", age: 2);
        Add("router", "back", "10.210.1.2", null, "10.8.0.0/24,10.210.1.100,fd00:8::1", age: 1);
        ClaimPlan plan = Decide();
        Assert.Empty(plan.Problems);
        Assert.Equal(
            ["10.8.0.0/24 front", "fd00:8::1/128 front", "10.210.1.100/32 back"],
            plan.Granted.Select(claim => $"{claim.Prefix} {claim.NetworkId}"));
    }

    private static Subnet Subnet(string pool, string gateway) => new(IpPrefix.Parse(pool), IPAddress.Parse(gateway));

    private ClaimPlan Decide() => new ClaimRules(_endpoints, _networks, _host).Decide();

    private Endpoint Add(string name, string network, string ipv4, string? ipv6, string? label, int age = 0)
    {
        var endpoint = new Endpoint
        {
            Id = (ushort)(_endpoints.Count + 1),
            ExternalId = $"{name}-{network}",
            NetworkId = network,
            Ipv4 = IPAddress.Parse(ipv4),
            Ipv6 = ipv6 is null ? null : IPAddress.Parse(ipv6),
            Mac = [2, 0, 0, 0, 0, 1],
            Created = _start.AddMinutes(-age),
            Name = name,
            WorkloadId = name,
            Image = "image",
            Claims = label is null ? null : new WorkloadLabel(label, IsOfImage: false),
        };
        _endpoints.Add(endpoint);
        return endpoint;
    }
}
