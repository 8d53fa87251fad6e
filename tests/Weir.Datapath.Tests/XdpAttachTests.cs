// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux.Netlink;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>The device's program on a veth pair between two namespaces, with real frames.</summary>
public sealed class XdpAttachTests : IDisposable
{
    private const string Device = "weirx0";
    private const string Peer = "weirx1";
    private const int Port = 4000;
    private static readonly IPAddress _here = IPAddress.Parse("10.99.0.1");
    private static readonly IPAddress _there = IPAddress.Parse("10.99.0.2");
    private readonly TestPins _pins = new();
    private readonly TestNamespace _namespace = new();
    private readonly TestNamespace _other = new();

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536, MaxSlots = 1024, MaxNatEntries = 1024 };

    public void Dispose()
    {
        _other.Dispose();
        _namespace.Dispose();
        _pins.Dispose();
    }

    [PrivilegedFact]
    public void Attach_Replace_Detach_WithRealFrames() => _namespace.Run(() =>
    {
        using var links = new RtnetlinkSocket();
        int ifindex = Connect(links);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 10_000 };
        socket.Bind(new IPEndPoint(_here, Port));
        using (Datapath datapath = Datapath.Open(Options))
        {
            Assert.Equal(XdpMode.Native, datapath.AttachXdp(Device, ifindex));
            Assert.Equal(XdpMode.Native, datapath.AttachXdp(Device, ifindex));
            Assert.Equal([Device], datapath.ListXdp());
            Send(1);
            Assert.Equal(1, Receive(socket));
        }

        // The program outlives whoever attached it; another process takes its place without a gap.
        using Datapath second = Datapath.Open(Options);
        Assert.Equal(1, links.GetXdpAttachment(ifindex));
        Assert.Equal(XdpMode.Native, second.AttachXdp(Device, ifindex));
        Prefilter(_there);
        Send(2);
        Assert.True(SpinWait.SpinUntil(() => Prefiltered(second) > 0, TimeSpan.FromSeconds(10)));

        second.DetachXdp(Device);
        second.DetachXdp(Device);
        Assert.Equal(0, links.GetXdpAttachment(ifindex));
        Assert.Empty(second.ListXdp());
        Send(3);
        Assert.Equal(3, Receive(socket));
    });

    [PrivilegedFact]
    public void Attach_AfterTheDeviceWasMadeAnew_WorksAgain() => _namespace.Run(() =>
    {
        using var links = new RtnetlinkSocket();
        using Datapath datapath = Datapath.Open(Options);
        int first = links.CreateVeth(Device, Peer, [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], 1500);
        datapath.AttachXdp(Device, first);
        links.DeleteLink(Device);
        int second = links.CreateVeth(Device, Peer, [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], 1500);

        Assert.Equal(XdpMode.Native, datapath.AttachXdp(Device, second));

        Assert.Equal(1, links.GetXdpAttachment(second));
        Assert.Equal([Device], datapath.ListXdp());
    });

    [PrivilegedFact]
    public void Attach_DeviceThatCannotInItsDriver_RunsInTheStack() => _namespace.Run(() =>
    {
        using var links = new RtnetlinkSocket();
        using Datapath datapath = Datapath.Open(Options);
        int loopback = links.GetLink("lo")!.Index;

        Assert.Equal(XdpMode.Generic, datapath.AttachXdp("lo", loopback));
        Assert.Equal(XdpMode.Generic, datapath.AttachXdp("lo", loopback));
        datapath.DetachXdp("lo");
        Assert.Equal(0, links.GetXdpAttachment(loopback));
    });

    private static int Receive(Socket socket)
    {
        byte[] buffer = new byte[16];
        Assert.Equal(1, socket.Receive(buffer));
        return buffer[0];
    }

    private static ulong Prefiltered(Datapath datapath) => datapath.Metrics()
        .Where(row => row.Direction == Direction.Device && row.Reason == DropReason.Prefilter)
        .Aggregate(0UL, (sum, row) => sum + row.Packets);

    private int Connect(RtnetlinkSocket links)
    {
        int ifindex = links.CreateVeth(Device, Peer, [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], 1500);
        links.MoveLink(links.GetLink(Peer)!.Index, _other.Descriptor);
        links.AddAddress(_here, 24, ifindex);
        _other.Run(() =>
        {
            using var inside = new RtnetlinkSocket();
            int peer = inside.GetLink(Peer)!.Index;
            inside.SetUp(peer);
            inside.AddAddress(_there, 24, peer);
        });
        return ifindex;
    }

    private void Send(byte value) => _other.Run(() =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.SendTo([value], new IPEndPoint(_here, Port));
    });

    private void Prefilter(IPAddress source)
    {
        using BpfMap addresses = BpfMap.OpenPinned(Path.Combine(_pins.Root, MapNames.PreAddr))!;
        IpAddr key = IpAddr.From(source);
        addresses.Update(MemoryMarshal.AsBytes(new ReadOnlySpan<IpAddr>(in key)), [1]);
        using BpfMap raw = BpfMap.OpenPinned(Path.Combine(_pins.Root, MapNames.Settings))!;
        var settings = new BpfMap<uint, Settings>(raw);
        Assert.True(settings.TryGet(0, out Settings value));
        value.LbFlags = LbFlag.PrefilterAddress;
        settings.Set(0, in value);
    }
}
