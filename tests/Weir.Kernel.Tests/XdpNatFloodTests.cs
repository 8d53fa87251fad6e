// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>What strangers with forged addresses cost the flows of others by SNAT.</summary>
public sealed class XdpNatFloodTests : IDisposable
{
    private const int Rounds = 40_000;

    private readonly XdpHarness _h = new(natEntries: 16_384);
    private readonly byte[] _output = new byte[256];

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Syns_HurtNoOpenFlow_AndClientsConnectBetweenThem(bool v6)
    {
        XdpCase c = Service(v6, XdpCase.Tcp);
        List<NatClient> open = [.. Enumerable.Range(0, 100).Select(i => new NatClient(_h, c, (ushort)(1000 + i)))];
        Assert.All(open, client => Assert.True(client.Connect()));

        // A client's acknowledgement comes a thousand forged SYNs after its own.
        Queue<(int Due, NatClient Client)> opening = new();
        byte[] forged = c.Packet.Seal();
        int connected = 0, tried = 0;
        for (int i = 0; i < Rounds; i++)
        {
            Forge(forged, v6, i);
            _h.RunFast(forged, _output);
            if (i % 200 == 0 && i < Rounds - 2000)
            {
                var client = new NatClient(_h, c, (ushort)(20000 + i / 200));
                tried++;
                client.Open();
                opening.Enqueue((i + 1000, client));
            }

            if (opening.TryPeek(out (int Due, NatClient Client) next) && next.Due == i)
            {
                connected += opening.Dequeue().Client.Prove() && next.Client.Passes() ? 1 : 0;
            }
        }

        Assert.All(open, client => Assert.True(client.Passes()));
        Assert.InRange(connected, tried * 99 / 100, tried);
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Datagrams_HurtNoFlowThatGoesToAndFro_AndOthersAreServedBetweenThem(bool v6)
    {
        XdpCase c = Service(v6, XdpCase.Udp);
        List<(byte[] Packet, byte[] Answer)> streams = [.. Enumerable.Range(0, 50).Select(i => Exchange(c, (ushort)(1000 + i)))];
        byte[] forged = c.Packet.Seal();
        for (int i = 0; i < Rounds; i++)
        {
            Forge(forged, v6, i);
            Assert.Equal(XdpHarness.Transmit, _h.RunFast(forged, _output));
        }

        foreach ((byte[] packet, byte[] answer) in streams)
        {
            Assert.Equal(XdpHarness.Transmit, _h.RunFast(answer, _output));
            Assert.Equal(XdpHarness.Transmit, _h.RunFast(packet, _output));
        }

        Exchange(c, 30000);
    }

    [PrivilegedFact]
    public void ForgedAcknowledgement_ProvesNothing()
    {
        XdpCase c = Service(false, XdpCase.Tcp);
        var client = new NatClient(_h, c, 1000);
        client.Open();
        foreach (uint guess in new[] { 0u, 1u, NatClient.BackendSequence, NatClient.BackendSequence + 1 + 65536, uint.MaxValue })
        {
            Assert.Equal(XdpHarness.Transmit, _h.Run((client.Packet with { TcpFlags = XdpCase.Ack, Acknowledgement = guess }).Seal()).Action);
            Assert.Empty(_h.Nat.ToList());
        }

        Assert.True(client.Prove());
        Assert.Equal(2, _h.Nat.ToList().Count);
        Assert.Empty(_h.NatOpen.ToList());
    }

    [PrivilegedFact]
    public void ForgedReset_IsTakenBackByWhoGoesOn()
    {
        XdpCase c = Service(false, XdpCase.Tcp);
        var client = new NatClient(_h, c, 1000);
        Assert.True(client.Connect());
        NatFlag Flags() => (NatFlag)_h.Nat.ToList().Single(e => e.Key.Direction == NatDirection.Reverse).Value.Flags;

        _h.Run((client.Packet with { TcpFlags = 1, Sequence = 99 }).Seal());
        _h.Run((client.Packet with { TcpFlags = 4, Sequence = 99 }).Seal());
        Assert.Equal(NatFlag.ClientRst | NatFlag.ClientFin, Flags());
        Assert.True(client.Passes());
        Assert.Equal((NatFlag)0, Flags());

        // Bare acknowledgements follow a FIN that is true.
        _h.Run((client.Packet with { TcpFlags = 0x11, Sequence = 1 }).Seal());
        _h.Run((client.Packet with { TcpFlags = XdpCase.Ack, Payload = [] }).Seal());
        Assert.Equal(NatFlag.ClientFin, Flags());
    }

    [PrivilegedFact]
    public void ForgedSyn_MovesNoOpenFlow()
    {
        XdpCase c = Service(false, XdpCase.Tcp);
        var client = new NatClient(_h, c, 1000);
        Assert.True(client.Connect());
        _h.AddBackend(2, c.Backend(2), XdpCase.BackendPort, c.Own);
        _h.SetSlot(0, 2);
        _h.Run((client.Packet with { Sequence = 4711 }).Seal());
        Assert.True(client.Passes());
        Assert.Empty(_h.NatOpen.ToList());
    }

    [PrivilegedTheory]
    [InlineData(XdpCase.Tcp)]
    [InlineData(XdpCase.Udp)]
    public void EndedFlow_DoesNotCatchWhatIsTheHostsOwn(byte protocol)
    {
        XdpCase c = Service(false, protocol);
        if (protocol == XdpCase.Tcp)
        {
            var client = new NatClient(_h, c, 1000);
            Assert.True(client.Connect());
            _h.Run((client.Packet with { TcpFlags = 4 }).Seal());
            // The backend answers a SYN of this host's own from the same port: nothing of the old flow sends that.
            byte[] own = (client.Answer with { TcpFlags = 0x12, Acknowledgement = 777 }).Seal();
            Assert.Equal(XdpHarness.Pass, _h.Run(own).Action);
            Assert.Equal(XdpHarness.Pass, _h.Run((client.Answer with { TcpFlags = XdpCase.Ack }).Seal()).Action);
            return;
        }

        (_, byte[] answer) = Exchange(c, 1000);
        foreach ((NatKey key, NatEntry entry) in _h.NatUdp.ToList().Where(e => e.Key.Direction == NatDirection.Reverse))
        {
            _h.NatUdp.Set(key, entry with { LastNs = entry.LastNs - 181_000_000_000 });
        }

        Assert.Equal(XdpHarness.Pass, _h.Run(answer).Action);
    }

    [PrivilegedFact]
    public void Range_IsTheOneThatIsSet()
    {
        XdpCase c = Service(false, XdpCase.Udp);
        _h.SetSettings(0, firstPort: 20000, lastPort: 20003);
        HashSet<ushort> ports = [.. Enumerable.Range(0, 64).Select(i =>
            BinaryPrimitives.ReadUInt16BigEndian(_h.Run((c.Packet with { SourcePort = (ushort)(3000 + i) }).Seal()).Frame.AsSpan(34)))];
        Assert.Equal([20000, 20001, 20002, 20003], ports.Order().Select(port => (int)port));
        _h.SetSettings(0, firstPort: 1, lastPort: 0);
        Assert.Equal(DropReason.NatNoPort, _h.Run((c.Packet with { SourcePort = 9 }).Seal()).Reason);
    }

    private XdpCase Service(bool v6, byte protocol)
    {
        var c = new XdpCase(v6, protocol);
        c.AddService(_h, ServiceMode.Snat, 1);
        return c;
    }

    /// <summary>Another source address, and port; checksums are not looked at.</summary>
    private static void Forge(byte[] frame, bool v6, int number)
    {
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(v6 ? 34 : 26), 0x0b000000 + number);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(v6 ? 54 : 34), (ushort)(number * 7));
        if (frame[v6 ? 20 : 23] == XdpCase.Tcp)
        {
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(v6 ? 58 : 38), number * 12345);
        }
    }

    private (byte[] Packet, byte[] Answer) Exchange(XdpCase c, ushort port)
    {
        var client = new NatClient(_h, c, port);
        byte[] packet = client.Packet.Seal();
        client.Left(_h.Run(packet).Frame);
        byte[] answer = client.Answer.Seal();
        Outcome back = _h.Run(answer);
        Assert.Equal(XdpHarness.Transmit, back.Action);
        Assert.True(client.IsMine(back.Frame));
        Assert.Equal(XdpHarness.Transmit, _h.Run(packet).Action);
        return (packet, answer);
    }
}
