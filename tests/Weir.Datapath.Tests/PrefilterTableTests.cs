// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class PrefilterTableTests : IDisposable
{
    private readonly TestPins _pins = new();
    private readonly Datapath _datapath;

    public PrefilterTableTests() => _datapath = Datapath.Open(Options);

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    private PrefilterTable Prefilter => _datapath.Prefilter;

    public void Dispose()
    {
        _datapath.Dispose();
        _pins.Dispose();
    }

    [PrivilegedFact]
    public void Add_BothKinds_AreListedInOrder()
    {
        Prefilter.Add(Prefixes("2001:db8::/32", "198.51.100.7", "192.0.2.0/24", "2001:db8::7", "198.51.100.7", "192.0.2.77/24"));

        Assert.Equal(Prefixes("192.0.2.0/24", "198.51.100.7/32", "2001:db8::/32", "2001:db8::7/128"), Prefilter.List());
        Assert.Equal(4, Prefilter.Count);
        using BpfMap addresses = BpfMap.OpenPinned(_pins.Root + "/weir_pre_addr")!;
        IpAddr key = IpAddr.From(System.Net.IPAddress.Parse("198.51.100.7"));
        Assert.True(new BpfMap<IpAddr, byte>(addresses).TryGet(in key, out byte value));
        Assert.Equal(1, value);
        using BpfMap nets = BpfMap.OpenPinned(_pins.Root + "/weir_pre_net")!;
        var inside = new PrefilterKey { PrefixLen = 128, Addr = IpAddr.From(System.Net.IPAddress.Parse("192.0.2.200")) };
        Assert.True(new BpfMap<PrefilterKey, byte>(nets).TryGet(in inside, out _));
        inside.Addr = IpAddr.From(System.Net.IPAddress.Parse("192.0.3.200"));
        Assert.False(new BpfMap<PrefilterKey, byte>(nets).TryGet(in inside, out _));
    }

    [PrivilegedFact]
    public void Flags_FollowFromWhatIsThere()
    {
        Prefilter.Add(Prefixes("198.51.100.7"));
        Assert.Equal(LbFlag.PrefilterAddress, _datapath.LbFlags);
        Prefilter.Add(Prefixes("192.0.2.0/24", "0.0.0.0/0"));
        Assert.Equal(LbFlag.PrefilterAddress | LbFlag.PrefilterPrefix, _datapath.LbFlags);

        using (Datapath again = Datapath.Open(Options))
        {
            Assert.Equal(3, again.Prefilter.Count);
            Assert.Equal(LbFlag.PrefilterAddress | LbFlag.PrefilterPrefix, again.LbFlags);
        }

        Assert.True(Prefilter.Remove(IpPrefix.Parse("198.51.100.7")));
        Assert.False(Prefilter.Remove(IpPrefix.Parse("198.51.100.7")));
        Assert.Equal(LbFlag.PrefilterPrefix, _datapath.LbFlags);
        Assert.True(Prefilter.Remove(IpPrefix.Parse("192.0.2.9/24")));
        Assert.True(Prefilter.Remove(IpPrefix.Parse("0.0.0.0/0")));
        Assert.Equal((LbFlag)0, _datapath.LbFlags);
        Assert.Empty(Prefilter.List());
    }

    [PrivilegedFact]
    public void Add_AroundIpv4_IsRefusedWhole()
    {
        Assert.Throws<ArgumentException>(() => Prefilter.Add(Prefixes("198.51.100.7", "::/0")));
        Assert.Throws<ArgumentException>(() => Prefilter.Add(Prefixes("::ffff:0:0/100")));
        Assert.Equal(0, Prefilter.Count);
        Assert.Null(PrefilterTable.FaultOf(IpPrefix.Parse("2000::/3")));
    }

    [PrivilegedFact]
    public void Add_Thousands_GoInOneCall()
    {
        IpPrefix[] many = [.. Enumerable.Range(0, 20_000).Select(i => IpPrefix.Parse(i % 2 == 0 ? $"10.{i / 256 % 256}.{i % 256}.1" : $"11.{i / 256 % 256}.{i % 256}.0/24"))];

        Prefilter.Add(many);

        Assert.Equal(many.Length, Prefilter.Count);
        Assert.Equal(many.ToHashSet(), Prefilter.List().ToHashSet());
    }

    private static IpPrefix[] Prefixes(params string[] texts) => [.. texts.Select(IpPrefix.Parse)];
}
