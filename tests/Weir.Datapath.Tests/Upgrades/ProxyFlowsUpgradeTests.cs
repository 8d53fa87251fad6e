// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests.Upgrades;

/// <summary>A proxy of one version beside the maps of another: it goes on with its connections when the agent is of another version already.</summary>
public sealed class ProxyFlowsUpgradeTests : IDisposable
{
    private static readonly IPEndPoint _client = IPEndPoint.Parse("10.0.0.1:40000");
    private static readonly IPEndPoint _later = IPEndPoint.Parse("10.0.0.1:40001");
    private static readonly IPEndPoint _server = IPEndPoint.Parse("10.0.0.2:80");
    private readonly TestPins _pins = new();

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    public void Dispose() => _pins.Dispose();

    [PrivilegedFact]
    public void Flows_AreFound_AndPoliciesHeardOf_InMapsOfAnotherVersion()
    {
        using var version = VersionImages.WithOtherLayouts();
        using Datapath datapath = Datapath.Open(Options);
        datapath.BumpRevision();
        var expected = new ProxyFlow(new Identity(300), new Identity(301), 1, 2, 7, 8, 1);
        using BpfMap ct = BpfMap.OpenPinned(Path.Combine(_pins.Root, MapNames.Ct))!;
        void Open(IPEndPoint client)
        {
            CtKey key = CtKeys.Of(client, _server, IpProtocol.Tcp, out bool sourceIsB);
            new BpfMap<CtKey, CtEntry>(ct).Set(in key, new CtEntry
            {
                ExpiresNs = long.MaxValue,
                Revision = 1,
                SrcIdentity = 300,
                DstIdentity = 301,
                SrcEndpoint = 1,
                DstEndpoint = 2,
                HttpEgress = 7,
                HttpIngress = 8,
                Flags = CtFlag.Proxy | (sourceIsB ? CtFlag.OriginB : 0),
            });
        }

        Open(_client);
        using ProxyFlows before = ProxyFlows.Open(_pins.Root);
        Assert.True(before.TryFind(_client, _server, out ProxyFlow found));
        Assert.Equal(expected, found);
        Assert.Equal(1u, before.Revision);

        using DatapathMaps other = DatapathMaps.Open(Options, version.Images);
        BpfMap settings = other[MapNames.Settings];
        int revision = MapLayout.Of(LoadedTypes.Read(settings.TypesId), settings.Spec)!.Value.Find("revision")!.Value.Offset;
        byte[] value = new byte[settings.UserValueSize];
        MemoryMarshal.Write(value.AsSpan(revision), 2u);
        settings.Update(new byte[4], value);

        Assert.True(SpinWait.SpinUntil(() => before.Revision == 2, TimeSpan.FromSeconds(20)), "the proxy goes by maps that nobody writes any more");
        // What a program of before opens still.
        Open(_later);
        Assert.True(before.TryFind(_later, _server, out found));
        Assert.Equal(expected, found);

        other.EndReplacements();
        using ProxyFlows after = ProxyFlows.Open(_pins.Root);
        foreach (ProxyFlows proxy in (ProxyFlows[])[before, after])
        {
            Assert.True(proxy.TryFind(_later, _server, out _));
            Assert.True(proxy.TryFind(_client, _server, out found));
            Assert.Equal(expected, found);
            Assert.False(proxy.TryFind(_server, _client, out _));
            Assert.False(proxy.TryFind(_client, IPEndPoint.Parse("10.0.0.2:81"), out _));
            Assert.Equal(2u, proxy.Revision);
        }
    }
}
