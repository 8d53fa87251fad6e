// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Addresses;
using Weir.Control.State;
using Weir.Net;
using Xunit;

namespace Weir.Control.Tests;

public sealed class AddressPoolsTests
{
    private readonly MemoryStore _store = new();
    private readonly ManualTime _time = new();
    private readonly List<HostRange> _host = [];
    private IReadOnlyList<IpPrefix> _claimed = [];

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
        _host.Add(new HostRange(IpPrefix.Parse("10.210.0.7/16"), "10.210.0.7/16 of eth0"));
        ControlException e = Assert.Throws<ControlException>(() => Make().RequestPool(null, ipv6: false));
        Assert.Contains("10.210.0.0/16", e.Message, StringComparison.Ordinal);
        _host[0] = new HostRange(IpPrefix.Parse("10.210.0.7/24"), "10.210.0.7/24 of eth0");
        Assert.Equal("10.210.1.0/24", Make().RequestPool(null, ipv6: false).Prefix.ToString());
    }

    [Theory]
    [InlineData("192.0.2.0/24")] // the same
    [InlineData("192.0.2.128/25")] // inside
    [InlineData("192.0.0.0/16")] // around
    public void SubnetOverTheHostsRoute_IsRefused_NamingIt(string subnet)
    {
        _host.Add(new HostRange(IpPrefix.Parse("192.0.2.7/24"), "192.0.2.7/24 of eth0"));
        Assert.Contains("192.0.2.7/24 of eth0", Assert.Throws<ControlException>(() => Make().RequestPool(subnet, ipv6: false)).Message, StringComparison.Ordinal);
        Assert.Empty(_store.Keys);
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
    [InlineData("0.0.0.0/0")]
    [InlineData("0.1.0.0/16")]
    [InlineData("10.0.0.0/7")]
    [InlineData("127.5.0.0/16")]
    [InlineData("169.254.7.0/24")]
    [InlineData("224.1.0.0/16")]
    [InlineData("255.255.255.0/24")]
    [InlineData("::/0")]
    [InlineData("::/120")]
    [InlineData("::ffff:10.0.0.0/120")]
    [InlineData("fd00::/16")]
    [InlineData("fe80::/64")]
    [InlineData("ff05::/64")]
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

    [Theory]
    [InlineData("10.1.0.0/24", "10.1.0.0")]
    [InlineData("10.1.0.0/24", "10.1.0.255")]
    [InlineData("10.1.0.0/24", "10.1.1.1")]
    [InlineData("fd00::/64", "fd00::")]
    public void AddressOfNoInterface_IsRefused_ForGatewaysToo(string subnet, string address)
    {
        AddressPools pools = Make();
        string pool = pools.RequestPool(subnet, ipv6: false).Id;
        foreach (bool isGateway in new[] { true, false })
        {
            ControlException e = Assert.Throws<ControlException>(() => pools.RequestAddress(pool, IPAddress.Parse(address), isGateway));
            Assert.Contains(address, e.Message, StringComparison.Ordinal);
        }

        pools.RequestPool("fd01::/64", ipv6: true);
        Assert.Equal("fd01::ffff:ffff:ffff:ffff", pools.RequestAddress("weir/fd01::/64", IPAddress.Parse("fd01::ffff:ffff:ffff:ffff"), isGateway: false).ToString());
    }

    [Fact]
    public void StoppedContainersAddress_WaitsForIt_ANewContainerGetsAnother()
    {
        AddressPools pools = Make();
        string pool = pools.RequestPool("10.1.0.0/29", ipv6: false).Id;
        IPAddress[] had = [.. Enumerable.Range(0, 3).Select(_ => pools.RequestAddress(pool, null, isGateway: false))];
        Stop("a", had[0]);
        _time.Pass(TimeSpan.FromHours(1));
        Assert.Equal("10.1.0.4", Ask(mayBeNew: true));
        Assert.Equal(had[0].ToString(), Ask(mayBeNew: false));

        // Stopped long ago: who stopped last comes back first.
        Stop("b", had[1]);
        _time.Pass(TimeSpan.FromMinutes(1));
        Stop("c", had[2]);
        _time.Pass(TimeSpan.FromMinutes(1));
        Assert.Equal(had[2].ToString(), Ask(mayBeNew: false));
        Assert.Equal(had[1].ToString(), Ask(mayBeNew: false));

        // Restarted side by side: they come back in the order they went.
        Stop("c", had[2]);
        Stop("b", had[1]);
        Assert.Equal(had[2].ToString(), Ask(mayBeNew: false));
        Assert.Equal(had[1].ToString(), Ask(mayBeNew: false));

        // Removed: the address rests, and only when no other is left it waits for nobody.
        Stop("b", had[1]);
        pools.Forget("b");
        Stop("c", had[2]);
        Assert.Equal("10.1.0.5", Ask(mayBeNew: true));
        Assert.Equal("10.1.0.6", Ask(mayBeNew: true));
        Assert.Equal(had[1].ToString(), Ask(mayBeNew: true));
        Assert.Equal(had[2].ToString(), Ask(mayBeNew: true));
        Assert.Throws<ControlException>(() => Ask(mayBeNew: true));

        void Stop(string owner, IPAddress address)
        {
            pools.Await([address], owner);
            pools.ReleaseAddress(pool, address);
        }

        string Ask(bool mayBeNew) => pools.RequestAddress(pool, null, isGateway: false, mayBeNew).ToString();
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

    [Theory]
    [InlineData("10.1.0.0/24", "10.1.0.7", "10.1.0.8")]
    [InlineData("fd00::/64", "fd00::7", "fd00::8")]
    public void AfterARestart_TheRoundGoesOn_BehindWhatContainersHave(string subnet, string had, string next)
    {
        string pool = Make().RequestPool(subnet, ipv6: subnet.Contains(':', StringComparison.Ordinal)).Id;
        AddressPools again = Make();
        again.Confirm([IPAddress.Parse(had)]);
        Assert.Equal(next, again.RequestAddress(pool, null, isGateway: false).ToString());
    }

    [Fact]
    public void RangeOfANetworkWhoseRecordIsLost_IsItsAgain()
    {
        AddressPools pools = Make();
        pools.Recall(IpPrefix.Parse("10.1.0.0/24"));
        pools.Recall(IpPrefix.Parse("10.1.0.0/24"));
        Assert.True(pools.Has(IpPrefix.Parse("10.1.0.0/24")));
        Assert.Throws<ControlException>(() => pools.RequestPool("10.1.0.0/25", ipv6: false));
    }

    [Fact]
    public void ClaimedAddresses_AreGivenToNobody()
    {
        AddressPools pools = Make();
        string pool = pools.RequestPool("10.1.0.0/28", ipv6: false).Id;
        _claimed = [IpPrefix.Parse("10.1.0.2/32"), IpPrefix.Parse("10.1.0.8/29"), IpPrefix.Parse("10.210.0.0/24")];
        string[] given = [.. Enumerable.Range(0, 6).Select(_ => pools.RequestAddress(pool, null, isGateway: false).ToString())];
        Assert.Equal(["10.1.0.1", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6", "10.1.0.7"], given);
        Assert.Throws<ControlException>(() => pools.RequestAddress(pool, null, isGateway: false));
        Assert.Contains("10.1.0.8/29", Assert.Throws<ControlException>(() => pools.RequestAddress(pool, IPAddress.Parse("10.1.0.9"), isGateway: false)).Message, StringComparison.Ordinal);

        // Nor are they in a new network's range.
        Assert.Equal("10.210.1.0/24", pools.RequestPool(null, ipv6: false).Prefix.ToString());
        Assert.Contains("10.210.0.0/24", Assert.Throws<ControlException>(() => pools.RequestPool("10.210.0.128/25", ipv6: false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PoolOfNoNetwork_IsReleased_UnlessItsNetworkMayBeUnderWay()
    {
        AddressPools pools = Make();
        AddressPool used = pools.RequestPool("10.1.0.0/24", ipv6: false), left = pools.RequestPool("10.2.0.0/24", ipv6: false);
        _time.Pass(TimeSpan.FromMinutes(1));
        DateTimeOffset settled = _time.GetUtcNow();
        AddressPool underWay = pools.RequestPool("10.3.0.0/24", ipv6: false);
        pools.ReleaseUnused(prefix => prefix == used.Prefix, settled);
        Assert.Equal([used.Prefix, underWay.Prefix], pools.All.Select(pool => pool.Prefix));

        // The same for an agent that started meanwhile.
        AddressPools again = Make();
        again.ReleaseUnused(prefix => prefix == used.Prefix, settled);
        Assert.Equal([used.Prefix, underWay.Prefix], again.All.Select(pool => pool.Prefix).Order(Comparer<IpPrefix>.Create((a, b) => string.CompareOrdinal(a.ToString(), b.ToString()))));
        again.ReleaseUnused(prefix => prefix == used.Prefix, settled.AddMinutes(1));
        Assert.DoesNotContain(left.Prefix, again.All.Select(pool => pool.Prefix));
        Assert.Equal([used.Prefix], again.All.Select(pool => pool.Prefix));
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

    private AddressPools Make() => new(_store, new ControlOptions(), _time, () => _host, () => _claimed, _ => []);
}
