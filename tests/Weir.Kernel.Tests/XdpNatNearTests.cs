// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Flows by SNAT that a CPU remembers for a moment: they go the same way as by the tables, and no longer than these
/// let them.</summary>
public sealed class XdpNatNearTests : IDisposable
{
    private const ulong Ever = ulong.MaxValue;
    private const ulong Past = 1;

    private readonly OneCpu _cpu = new();
    private readonly XdpHarness _h = new();
    private readonly XdpCase _c = new(V6: false, XdpCase.Tcp);

    public void Dispose()
    {
        _h.Dispose();
        _cpu.Dispose();
    }

    [PrivilegedFact]
    public void Packets_BothWays_AreThoseOfTheTables_ByteForByte()
    {
        NatClient client = Connected();
        foreach ((Frame frame, int number) in Frames(client).Select((frame, number) => (frame, number)))
        {
            byte[] packet = frame.Seal();
            Assert.Equal(2, _h.SetNearUntil(Past));
            Outcome byTables = _h.Run(packet);
            Assert.Equal(2, _h.SetNearUntil(Ever));
            Outcome near = Without(client, () => _h.Run(packet));

            Assert.True(byTables.Action == XdpHarness.Transmit && near.Action == XdpHarness.Transmit, $"frame {number}: {byTables}, {near}");
            Assert.Equal(byTables.Frame, near.Frame);
            Assert.Null(Checksums.Problem(near.Frame));
        }
    }

    [PrivilegedFact]
    public void NoLongerThanAMoment_TheTablesAreAsked()
    {
        NatClient client = Connected();
        foreach (Frame frame in new[] { Data(client), Answer(client) })
        {
            Assert.Equal(2, _h.SetNearUntil(Past));
            Assert.NotEqual(XdpHarness.Transmit, Without(client, () => _h.Run(frame.Seal())).Action);
        }
    }

    [PrivilegedTheory]
    [InlineData(0x01)]
    [InlineData(0x04)]
    [InlineData(0x11)]
    [InlineData(0x12)]
    [InlineData(0x14)]
    [InlineData(0x00)]
    public void WhatBeginsOrEndsAConnection_IsForTheTables_AndNothingIsRememberedAfterwards(byte flags)
    {
        NatClient client = Connected();
        foreach (Frame frame in new[] { Data(client), Answer(client) })
        {
            Assert.True(client.Passes());
            _h.SetNearUntil(Ever);
            Without(client, () =>
            {
                Outcome odd = _h.Run((frame with { TcpFlags = flags, Payload = [] }).Seal());
                Outcome next = _h.Run(frame.Seal());
                Assert.DoesNotContain(XdpHarness.Transmit, new[] { odd.Action, next.Action });
                return next;
            });
        }
    }

    [PrivilegedTheory]
    [InlineData(0x11, true)]
    [InlineData(0x11, false)]
    [InlineData(0x14, true)]
    [InlineData(0x14, false)]
    public void AConnectionThatEnds_IsNotRemembered(byte flags, bool byClient)
    {
        NatClient client = Connected();
        Frame frame = byClient ? Data(client) : Answer(client);
        _h.Run((frame with { TcpFlags = flags }).Seal());
        _h.SetNearUntil(Past);
        Assert.Equal(XdpHarness.Transmit, _h.Run((frame with { Payload = [] }).Seal()).Action);
        _h.SetNearUntil(Past + 1);
        Assert.NotEqual(XdpHarness.Transmit, Without(client, () => _h.Run((frame with { Payload = [] }).Seal())).Action);
    }

    [PrivilegedFact]
    public void AnotherBackendOfItsNumber_OrNone_EndsIt()
    {
        NatClient client = Connected();
        _h.SetNearUntil(Ever);
        _h.AddBackend(1, _c.Backend(2), XdpCase.BackendPort, _c.Own);
        Assert.NotEqual(XdpHarness.Transmit, Without(client, () => _h.Run(Data(client).Seal())).Action);
        _h.AddBackend(1, _c.Backend(1), XdpCase.BackendPort, _c.Own, mac: [2, 7, 7, 7, 7, 7]);
        Outcome moved = Without(client, () => _h.Run(Data(client).Seal()));
        Assert.Equal([2, 7, 7, 7, 7, 7], moved.Frame[..6]);
        _h.RemoveBackend(1);
        Assert.Equal(DropReason.NoBackend, _h.Run(Data(client).Seal()).Reason);
    }

    [PrivilegedFact]
    public void ServiceThatIsGone_EndsItBothWays()
    {
        NatClient client = Connected();
        _h.SetNearUntil(Ever);
        _h.RemoveService(_c.Frontend, XdpCase.FrontendPort, XdpCase.Tcp);
        _h.RemoveFrontend(1);
        Assert.Equal(XdpHarness.Pass, _h.Run(Data(client).Seal()).Action);
        Assert.Equal(XdpHarness.Pass, _h.Run(Answer(client).Seal()).Action);
    }

    [PrivilegedFact]
    public void ClientThatMoves_IsAskedForAnew()
    {
        NatClient client = Connected();
        _h.SetNearUntil(Ever);
        byte[] moved = [2, 9, 9, 9, 9, 9];
        Frame elsewhere = Data(client) with { SourceMac = moved };
        Assert.NotEqual(XdpHarness.Transmit, Without(client, () => _h.Run(elsewhere.Seal())).Action);
        _h.Run(elsewhere.Seal());
        _h.SetNearUntil(Past);
        Assert.Equal(moved, _h.Run(Answer(client).Seal()).Frame[..6]);
    }

    [PrivilegedFact]
    public void PrefilterAndTrace_AreAsForAnyOther()
    {
        NatClient client = Connected();
        _h.SetNearUntil(Ever);
        _h.SetSettings(SettingsFlag.Trace);
        _h.Run(Data(client).Seal());
        Assert.NotEmpty(_h.TakeEvents());
        _h.AddPrefilter(_c.Client);
        _h.AddPrefilter(_c.Backend(1));
        _h.SetSettings(0, LbFlag.Services | LbFlag.Nat | LbFlag.PrefilterAddress);
        Assert.Equal(DropReason.Prefilter, _h.Run(Data(client).Seal()).Reason);
        Assert.Equal(DropReason.Prefilter, _h.Run(Answer(client).Seal()).Reason);
    }

    [PrivilegedFact]
    public void ClientsPackets_AreCounted()
    {
        NatClient client = Connected();
        ulong before = _h.Stats(1).Packets;
        _h.SetNearUntil(Ever);
        Without(client, () => _h.Run(Data(client).Seal()));
        Assert.Equal(before + 1, _h.Stats(1).Packets);
    }

    /// <summary>More than one CPU remembers: those that are pushed out go by the tables.</summary>
    [PrivilegedFact]
    public void ManyFlows_GoTheirOwnWays()
    {
        using var h = new XdpHarness(natEntries: 65536);
        _c.AddService(h, ServiceMode.Snat, 1);
        NatClient[] clients = [.. Enumerable.Range(1, 2_000).Select(i => new NatClient(h, _c, (ushort)(2_000 + i)))];
        Assert.All(clients, client => Assert.True(client.Connect()));
        Assert.InRange(h.SetNearUntil(Ever), 3_000, 4_000);
        Assert.All(clients, client => Assert.True(client.Passes()));
    }

    private NatClient Connected()
    {
        _c.AddService(_h, ServiceMode.Snat, 1);
        var client = new NatClient(_h, _c, 1000);
        Assert.True(client.Connect());
        return client;
    }

    private static Frame Data(NatClient client) => client.Packet with { TcpFlags = XdpCase.Ack };

    private static Frame Answer(NatClient client) =>
        client.Answer with { TcpFlags = XdpCase.Ack, SourceMac = XdpHarness.NextHopMac, DestinationMac = XdpHarness.DeviceMac };

    private static IEnumerable<Frame> Frames(NatClient client)
    {
        var random = new Random(7);
        foreach (Frame frame in new[] { Data(client), Answer(client) })
        {
            foreach (int length in new[] { 0, 1, 2, 3, 99, 1200, 1460 })
            {
                byte[] payload = new byte[length];
                random.NextBytes(payload);
                yield return frame with { Payload = payload, TcpFlags = 0x18, Sequence = (uint)random.Next(), Acknowledgement = (uint)random.Next() };
            }
        }
    }

    /// <summary>What comes of it where the tables do not have the flow.</summary>
    private Outcome Without(NatClient client, Func<Outcome> run)
    {
        List<KeyValuePair<NatKey, NatEntry>> entries = [.. _h.Nat.ToList().Where(entry => entry.Key.Sport == client.Packet.SourcePort || entry.Key.Dport == client.NatPort)];
        entries.ForEach(entry => _h.Nat.Remove(entry.Key));
        Outcome outcome = run();
        entries.ForEach(entry => _h.Nat.Set(entry.Key, entry.Value));
        return outcome;
    }
}
