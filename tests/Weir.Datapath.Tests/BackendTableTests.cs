// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class BackendTableTests : IDisposable
{
    private static readonly byte[] _mac = [2, 0, 0, 0, 0, 2];
    private static readonly byte[] _deviceMac = [2, 0, 0, 0, 0, 1];
    private static readonly IPAddress _address = IPAddress.Parse("10.11.0.5");
    private static readonly NextHop _hop = new(7, _mac, _deviceMac, IPAddress.Parse("10.11.0.1"));
    private readonly TestPins _pins = new();
    private readonly Datapath _datapath;

    public BackendTableTests() => _datapath = Datapath.Open(new DatapathOptions { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536, MaxBackends = 64 });

    private BackendTable Backends => _datapath.Backends;

    public void Dispose()
    {
        _datapath.Dispose();
        _pins.Dispose();
    }

    [PrivilegedFact]
    public void Put_Backend_IsInTheKernelAndListed()
    {
        Backends.Put(3, _address, 8080, BackendFlag.NoNew, _hop);
        Backends.Put(4, IPAddress.Parse("2001:db8::5"), 53, BackendFlag.Local);

        BackendEntry entry = InKernel(3);
        Assert.Equal((_address, 8080, BackendFlag.Present | BackendFlag.NoNew, 7u), (entry.Addr.ToIPAddress(), (ushort)entry.Port, entry.Flags, entry.Ifindex));
        Assert.Equal(_mac, ((ReadOnlySpan<byte>)entry.Mac).ToArray());
        Assert.Equal(_deviceMac, ((ReadOnlySpan<byte>)entry.SourceMac).ToArray());
        Assert.Equal(_hop.Source, entry.Source.ToIPAddress());
        Assert.Equal([3u, 4u], Backends.List().Select(row => row.Id));
        BackendRow row = Backends.Get(4)!;
        Assert.Equal((IPAddress.Parse("2001:db8::5"), 53, BackendFlag.Present | BackendFlag.Local), (row.Address, row.Port, row.Flags));
        Assert.Null(row.NextHop);
        Assert.Equal(_mac, Backends.Get(3)!.NextHop!.Value.Mac);
    }

    [PrivilegedFact]
    public void SetNextHop_Changes_AreToldAndSeen()
    {
        Backends.Put(3, _address, 8080, 0, _hop);

        Assert.False(Backends.SetNextHop(3, _hop with { Mac = [.. _mac] }));
        Assert.True(Backends.SetNextHop(3, _hop with { Mac = [2, 0, 0, 0, 0, 9] }));
        Assert.Equal(9, InKernel(3).Mac[5]);
        Assert.True(Backends.SetNextHop(3, new NextHop(8, _mac, _mac, IPAddress.Parse("10.12.0.1"))));

        BackendEntry entry = InKernel(3);
        Assert.Equal((8u, IPAddress.Parse("10.12.0.1"), 2, 2), (entry.Ifindex, entry.Source.ToIPAddress(), entry.Mac[5], entry.SourceMac[5]));
        Assert.Equal((_address, BackendFlag.Present), (entry.Addr.ToIPAddress(), entry.Flags));

        Backends.ClearNextHop(3);
        entry = InKernel(3);
        Assert.Equal(new byte[6], ((ReadOnlySpan<byte>)entry.Mac).ToArray());
        Assert.Equal(8u, entry.Ifindex);
    }

    [PrivilegedFact]
    public void SetFlags_Any_StaysPresent()
    {
        Backends.Put(3, _address, 8080, BackendFlag.Local);

        Backends.SetFlags(3, BackendFlag.NoNew);
        Assert.Equal(BackendFlag.Present | BackendFlag.NoNew, InKernel(3).Flags);
        Backends.SetFlags(3, 0);
        Assert.Equal(BackendFlag.Present, InKernel(3).Flags);
    }

    [PrivilegedFact]
    public void Remove_Backend_LeavesNothing()
    {
        Backends.Put(3, _address, 8080, 0, _hop);

        Backends.Remove(3);

        Assert.Null(Backends.Get(3));
        Assert.Empty(Backends.List());
        BackendEntry entry = InKernel(3);
        Assert.Equal((default(IpAddr), (BackendFlag)0, 0u), (entry.Addr, entry.Flags, entry.Ifindex));
    }

    [PrivilegedFact]
    public void Id_OutOfRange_IsRefused()
    {
        Assert.Equal(64u, Backends.Max);
        Assert.Throws<ArgumentOutOfRangeException>(() => Backends.Put(0, _address, 80, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backends.Put(64, _address, 80, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backends.SetNextHop(1, _hop with { Mac = [1, 2, 3] }));
    }

    [PrivilegedFact]
    public void List_AfterARestart_IsTheSame()
    {
        Backends.Put(63, _address, 8080, 0, _hop);
        using Datapath again = Datapath.Open(new DatapathOptions { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536, MaxBackends = 64 });

        Assert.Equal(_address, Assert.Single(again.Backends.List()).Address);
        Assert.False(again.Backends.SetNextHop(63, _hop));
    }

    [PrivilegedTheory]
    [InlineData(1)]
    [InlineData(2)]
    public void Hops_AfterAnyChange_AreWhatTheEntriesSay(int seed)
    {
        var random = new Random(seed);
        string[] addresses = ["10.11.0.5", "10.11.0.6", "2001:db8::5"];
        HashSet<bool> seen = [];
        for (int step = 0; step < 2000; step++)
        {
            uint id = (uint)random.Next(1, 8);
            var hop = new NextHop(random.Next(1, 3), [2, 0, 0, 0, 0, (byte)random.Next(3)], _deviceMac, IPAddress.Parse("10.11.0.1"), random.Next(4) == 0 ? IPAddress.Parse("10.11.0.99") : null);
            BackendFlag flags = (BackendFlag)(random.Next(8) << 1);
            (random.Next(6) switch
            {
                0 => () => Backends.Put(id, IPAddress.Parse(addresses[random.Next(3)]), 80, flags, hop),
                1 => () => Backends.Put(id, IPAddress.Parse(addresses[random.Next(3)]), 80, flags),
                2 => () => Backends.SetNextHop(id, hop),
                3 => () => Backends.ClearNextHop(id),
                4 => () => Backends.SetFlags(id, flags),
                _ => (Action)(() => Backends.Remove(id)),
            })();
            BackendEntry entry = InKernel(id);
            BackendHop found = Backends.Hops.Find(id);
            bool isPlain = (entry.Flags & (BackendFlag.Present | BackendFlag.Local)) == BackendFlag.Present && entry.Addr.IsIPv4 && entry.Outer.IsIPv4 && entry.Source.IsIPv4;
            Assert.Equal(isPlain ? BackendTable.WordOf(entry.Mac) : 0, found.Mac);
            if (found.Mac != 0)
            {
                Assert.Equal(
                    (BackendTable.WordOf(entry.SourceMac), entry.Ifindex, entry.Flags, (uint)entry.Source.Word[3], (uint)entry.Outer.Word[3]),
                    (found.SourceMac, found.Ifindex, found.Flags, (uint)found.Source, (uint)found.Outer));
            }

            seen.Add(found.Mac != 0);
        }

        Assert.Equal(2, seen.Count);
    }

    private BackendEntry InKernel(uint id)
    {
        using BpfMap map = BpfMap.OpenPinned(_pins.Root + "/weir_backend")!;
        Assert.True(new BpfMap<uint, BackendEntry>(map).TryGet(in id, out BackendEntry entry));
        return entry;
    }
}
