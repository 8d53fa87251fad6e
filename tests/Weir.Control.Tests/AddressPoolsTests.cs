// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Addresses;
using Weir.Net;
using Xunit;

namespace Weir.Control.Tests;

public sealed class AddressPoolsTests
{
    private readonly MemoryStore _store = new();
    private readonly ManualTime _time = new();
    private readonly List<IpPrefix> _host = [];

    [Fact]
    public void Pools_WithoutSubnet_AreCutFromTheRange_OneAfterAnother()
    {
        AddressPools pools = Make();
        Assert.Equal("10.210.0.0/24", pools.RequestPool(null, ipv6: false).Prefix.ToString());
        Assert.Equal("10.210.1.0/24", pools.RequestPool(null, ipv6: false).Prefix.ToString());
        Assert.Equal("fd77:6569:72::/64", pools.RequestPool(null, ipv6: true).Prefix.ToString());
        Assert.Equal("fd77:6569:72:1::/64", pools.RequestPool("", ipv6: true).Prefix.ToString());
    }

    [Fact]
    public void Pool_KeepsAwayFromWhatTheHostHas()
    {
        _host.Add(IpPrefix.Parse("10.210.0.7/16"));
        ControlException e = Assert.Throws<ControlException>(() => Make().RequestPool(null, ipv6: false));
        Assert.Contains("10.210.0.0/16", e.Message, StringComparison.Ordinal);
        _host[0] = IpPrefix.Parse("10.210.0.7/24");
        Assert.Equal("10.210.1.0/24", Make().RequestPool(null, ipv6: false).Prefix.ToString());
    }

    [Theory]
    [InlineData("10.1.0.0/24", "10.1.0.0/24")]
    [InlineData("10.1.0.0/24", "10.1.0.128/25")]
    [InlineData("10.1.0.0/24", "10.0.0.0/8")]
    [InlineData("fd00::/64", "fd00::/48")]
    public void OverlappingSubnet_IsRefused_NamingTheOther(string first, string second)
    {
        AddressPools pools = Make();
        pools.RequestPool(first, ipv6: false);
        ControlException e = Assert.Throws<ControlException>(() => pools.RequestPool(second, ipv6: false));
        Assert.Contains(first, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.0/99")]
    [InlineData("oops")]
    [InlineData("10.0.0.0/31")]
    [InlineData("10.0.0.1/32")]
    [InlineData("fd00::/127")]
    public void UselessSubnet_IsRefused(string subnet) =>
        Assert.Throws<ControlException>(() => Make().RequestPool(subnet, ipv6: false));

    [Fact]
    public void Addresses_GoRound_SkipFirstAndLast_AndRunOut()
    {
        AddressPools pools = Make();
        string pool = pools.RequestPool("10.1.0.0/29", ipv6: false).Id;
        pools.RequestAddress(pool, null, isGateway: true);
        string[] given = [.. Enumerable.Range(0, 5).Select(_ => pools.RequestAddress(pool, null, isGateway: false).ToString())];
        Assert.Equal(["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"], given);
        Assert.Throws<ControlException>(() => pools.RequestAddress(pool, null, isGateway: false));

        // A released address is not the next one given, as long as another is free.
        pools.ReleaseAddress(pool, IPAddress.Parse("10.1.0.6"));
        pools.ReleaseAddress(pool, IPAddress.Parse("10.1.0.3"));
        Assert.Equal("10.1.0.3", pools.RequestAddress(pool, null, isGateway: false).ToString());
        Assert.Equal("10.1.0.6", pools.RequestAddress(pool, null, isGateway: false).ToString());
    }

    [Fact]
    public void TakenAddress_IsRefused_GatewayToo_ButTheGatewayMayAskAgain()
    {
        AddressPools pools = Make();
        string pool = pools.RequestPool("10.1.0.0/24", ipv6: false).Id;
        IPAddress gateway = IPAddress.Parse("10.1.0.1"), wanted = IPAddress.Parse("10.1.0.77");
        pools.RequestAddress(pool, gateway, isGateway: true);
        pools.RequestAddress(pool, gateway, isGateway: true);
        pools.RequestAddress(pool, wanted, isGateway: false);
        foreach (IPAddress address in new[] { gateway, wanted })
        {
            ControlException e = Assert.Throws<ControlException>(() => pools.RequestAddress(pool, address, isGateway: false));
            Assert.Contains(address.ToString(), e.Message, StringComparison.Ordinal);
        }

        Assert.Throws<ControlException>(() => pools.RequestAddress(pool, IPAddress.Parse("10.2.0.1"), isGateway: false));
    }

    [Fact]
    public void Restart_KeepsPoolsAndGateways_AndALostPoolIsKnownByItsId()
    {
        AddressPools pools = Make();
        string pool = pools.RequestPool("10.1.0.0/24", ipv6: false).Id;
        pools.RequestAddress(pool, IPAddress.Parse("10.1.0.1"), isGateway: true);
        AddressPools again = Make();
        Assert.Throws<ControlException>(() => again.RequestAddress(pool, IPAddress.Parse("10.1.0.1"), isGateway: false));
        Assert.Equal("10.9.0.5", again.RequestAddress("weir/10.9.0.0/24", IPAddress.Parse("10.9.0.5"), isGateway: false).ToString());
        Assert.Throws<ControlException>(() => again.RequestAddress("weir/10.1.0.0/25", null, isGateway: false));
        Assert.Throws<ControlException>(() => again.RequestAddress("nonsense", null, isGateway: false));
    }

    [Fact]
    public void ReleasedPool_IsForgotten()
    {
        AddressPools pools = Make();
        pools.ReleasePool(pools.RequestPool("10.1.0.0/24", ipv6: false).Id);
        pools.ReleasePool("weir/never");
        Assert.Empty(_store.Keys);
        Assert.Equal("10.1.0.0/24", pools.RequestPool("10.1.0.0/24", ipv6: false).Prefix.ToString());
    }

    [Fact]
    public void AbandonedAddress_IsFreeAgainAfterAWhile_OneInUseIsNot()
    {
        AddressPools pools = Make();
        string pool = pools.RequestPool("10.1.0.0/30", ipv6: false).Id;
        IPAddress used = pools.RequestAddress(pool, null, isGateway: false), abandoned = pools.RequestAddress(pool, null, isGateway: false);
        pools.ReleaseAbandoned(new HashSet<IPAddress> { used }, TimeSpan.FromMinutes(1));
        Assert.Throws<ControlException>(() => pools.RequestAddress(pool, null, isGateway: false));
        _time.Pass(TimeSpan.FromMinutes(2));
        pools.ReleaseAbandoned(new HashSet<IPAddress> { used }, TimeSpan.FromMinutes(1));
        Assert.Equal(abandoned, pools.RequestAddress(pool, null, isGateway: false));
    }

    private AddressPools Make() => new(_store, new ControlOptions(), _time, () => _host);
}
