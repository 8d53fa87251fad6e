// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>A SYN by SNAT that is sent again, in each state that its flow can be in.</summary>
public sealed class XdpNatSynTests : IDisposable
{
    private readonly XdpHarness _h = new();

    public static TheoryData<bool> Families => [false, true];

    public void Dispose() => _h.Dispose();

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void WhileItIsOpened_ItIsTheSameFlow(bool v6)
    {
        NatClient client = Client(v6);
        Assert.True(client.SendSyn());
        ushort port = client.NatPort;
        Assert.True(client.SendSyn());
        Assert.True(client.SendSynAck());
        Assert.True(client.SendSyn());
        Assert.Equal(port, client.NatPort);
        Assert.Single(_h.NatOpen.ToList());
        Assert.True(client.Prove() && client.Passes());
        Assert.Empty(_h.NatOpen.ToList());
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void AfterItsProof_ItIsTheSameFlow(bool v6)
    {
        NatClient client = Client(v6);
        Assert.True(client.Connect());
        ushort port = client.NatPort;
        Assert.True(client.SendSyn());
        Assert.Equal(port, client.NatPort);
        Assert.Empty(_h.NatOpen.ToList());
        Assert.True(client.Passes());
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void WithAnotherNumber_ItIsAnotherFlow_AndTheFirstSynMayComeAgain(bool v6)
    {
        NatClient client = Client(v6);
        Assert.True(client.Open());
        ushort port = client.NatPort;
        var other = new NatClient(_h, new XdpCase(v6, XdpCase.Tcp), 1000) { Packet = client.Packet with { Sequence = 4711 } };
        Assert.True(other.SendSyn());
        Assert.NotEqual(port, other.NatPort);
        Assert.Equal(2, _h.NatOpen.ToList().Count);
        Assert.True(client.Connect());
    }

    [PrivilegedTheory]
    [InlineData(false, 4)]
    [InlineData(true, 4)]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    public void OfAFlowThatHasEnded_ItOpensAnew(bool v6, byte end)
    {
        NatClient client = Client(v6);
        Assert.True(client.Connect());
        Assert.Equal(XdpHarness.Transmit, _h.Run((client.Packet with { TcpFlags = (byte)(end | XdpCase.Ack) }).Seal()).Action);
        Assert.Equal(XdpHarness.Transmit, _h.Run((client.Answer with { TcpFlags = (byte)(end | XdpCase.Ack) }).Seal()).Action);
        ushort port = client.NatPort;
        Assert.True(client.Open());
        Assert.NotEqual(port, client.NatPort);

        // What is left of the old flow goes its way; the acknowledgement is the new one's.
        Outcome late = _h.Run((client.Packet with { TcpFlags = XdpCase.Ack, Payload = [], Acknowledgement = 99 }).Seal());
        Assert.Equal(port, BinaryPrimitives.ReadUInt16BigEndian(late.Frame.AsSpan(v6 ? 54 : 34)));
        Assert.True(client.Prove() && client.Passes());
        Assert.Empty(_h.NatOpen.ToList());
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void WhoseHintIsLost_OpensAnew(bool v6)
    {
        NatClient client = Client(v6);
        Assert.True(client.Open());
        ForgetHints();
        Assert.Equal(DropReason.CtInvalid, _h.Run((client.Packet with { TcpFlags = XdpCase.Ack }).Seal()).Reason);
        Assert.True(client.Connect());
    }

    [PrivilegedTheory]
    [MemberData(nameof(Families))]
    public void WhoseEntryWasPushedOut_OpensAnew(bool v6)
    {
        NatClient client = Client(v6);
        Assert.True(client.SendSyn());
        byte[] other = client.Packet.Seal();
        byte[] output = new byte[256];
        int seq = v6 ? 58 : 38;
        for (int i = 0; _h.NatOpen.TryGet(KeyOf(client, v6), out _); i++)
        {
            Assert.InRange(i, 0, 50_000);
            BinaryPrimitives.WriteInt32BigEndian(other.AsSpan(v6 ? 34 : 26), 0x0b000000 + i);
            BinaryPrimitives.WriteInt32BigEndian(other.AsSpan(seq), i * 12345);
            _h.RunFast(other, output);
        }

        Assert.True(client.Connect());
    }

    [PrivilegedFact]
    public void Seed_IsMadeOnce_AndIsAnotherOnEachMachine()
    {
        Assert.Equal(0UL, Seed(_h));
        Assert.True(Client(false).SendSyn());
        ulong seed = Seed(_h);
        Assert.NotEqual(0UL, seed);
        Assert.True(Client(true).SendSyn());
        Assert.Equal(seed, Seed(_h));

        using var other = new XdpHarness();
        var c = new XdpCase(false, XdpCase.Tcp);
        c.AddService(other, ServiceMode.Snat, 1);
        Assert.True(new NatClient(other, c, 1000).SendSyn());
        Assert.NotEqual(seed, Seed(other));
    }

    private static ulong Seed(XdpHarness h) => h.NatSeed.TryGet(0, out ulong seed) ? seed : 0;

    private static NatKey KeyOf(NatClient client, bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        return new NatKey
        {
            Src = XdpHarness.Address(c.Backend(1)), Dst = XdpHarness.Address(c.Own), Sport = XdpCase.BackendPort, Dport = client.NatPort,
            Protocol = XdpCase.Tcp, Direction = NatDirection.Reverse, Ack = client.Packet.Sequence + 1,
        };
    }

    private void ForgetHints()
    {
        uint[] places = [.. _h.NatHint.ToList().Where(e => e.Value.Way[0].Backend != 0).Select(e => e.Key)];
        Assert.NotEmpty(places);
        foreach (uint place in places)
        {
            _h.NatHint.Set(place, default);
        }
    }

    private NatClient Client(bool v6)
    {
        var c = new XdpCase(v6, XdpCase.Tcp);
        c.AddService(_h, ServiceMode.Snat, 1);
        return new NatClient(_h, c, 1000);
    }
}
