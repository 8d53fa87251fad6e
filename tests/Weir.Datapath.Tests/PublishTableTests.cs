// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class PublishTableTests : IDisposable
{
    private readonly TestPins _pins = new();
    private readonly Datapath _datapath;

    public PublishTableTests() => _datapath = Datapath.Open(new DatapathOptions { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 });

    public void Dispose()
    {
        _datapath.Dispose();
        _pins.Dispose();
    }

    [PrivilegedFact]
    public void Replace_KeepsWhatStays_AndTellsWhetherItChanged()
    {
        PublishRow[] first = [Row("198.51.100.0/24"), Row("::/0"), Row("0.0.0.0/0"), Row("2001:db8::1"), Row("0.0.0.0/0") with { Protocol = IpProtocol.Udp }];
        Assert.True(_datapath.Published.Replace(first));
        Assert.Equal(first.ToHashSet(), [.. _datapath.Published.List()]);
        Assert.False(_datapath.Published.Replace(first.Reverse().ToArray()));

        PublishRow[] second = [Row("198.51.100.0/24"), Row("10.0.0.0/8") with { EndpointId = 4095, Port = 65535 }];
        Assert.True(_datapath.Published.Replace(second));
        Assert.Equal(second.ToHashSet(), [.. _datapath.Published.List()]);
        Assert.True(_datapath.Published.Replace([second[0] with { Ifindex = 3 }]));
        Assert.Equal([second[0] with { Ifindex = 3 }], _datapath.Published.List());
        Assert.True(_datapath.Published.Replace([]));
        Assert.Empty(_datapath.Published.List());
    }

    [PrivilegedFact]
    public void EverybodyOfOneFamily_IsNotEverybody()
    {
        _datapath.Published.Replace([Row("::/0")]);
        using BpfMap raw = BpfMap.OpenPinned(_pins.Root + "/weir_publish")!;
        var sources = new BpfMap<PublishKey, PublishEntry>(raw);
        var key = new PublishKey { PrefixLen = 192, EndpointId = 7, Port = 8080, Protocol = 6, V6 = 1, Source = IpAddr.From(System.Net.IPAddress.Parse("2001:db8::9")) };
        Assert.True(sources.TryGet(in key, out _));
        key.Source = IpAddr.From(System.Net.IPAddress.Parse("198.51.100.9"));
        key.V6 = 0;
        Assert.False(sources.TryGet(in key, out _));
    }

    private static PublishRow Row(string source) => new(7, 8080, IpProtocol.Tcp, IpPrefix.Parse(source));
}
