// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Testing;

namespace Weir.Kernel.Tests;

/// <summary>One client of a service by SNAT, the backend that it was given, and what their packets have between this host
/// and there.</summary>
internal sealed class NatClient(XdpHarness h, XdpCase c, ushort port)
{
    public const uint BackendSequence = 7_000_000;

    private readonly int _l4 = c.V6 ? 54 : 34;
    private byte[] _backend = [];

    /// <summary>This host's port that the flow has.</summary>
    public ushort NatPort { get; private set; }

    public Frame Packet { get; init; } = c.Packet with { SourcePort = port, Sequence = port * 100_000u };

    public Frame Answer => new()
    {
        Source = c.Backend(1), Destination = c.Own, SourcePort = XdpCase.BackendPort, DestinationPort = NatPort, Protocol = c.Protocol,
    };

    public bool Connect() => Open() && Prove() && Passes();

    /// <summary>The client's SYN, and the backend's, which it answers with.</summary>
    public bool Open() => SendSyn() && SendSynAck();

    public bool SendSyn()
    {
        Outcome syn = h.Run(Packet.Seal());
        Left(syn.Frame);
        return syn.Action == XdpHarness.Transmit;
    }

    public bool SendSynAck() =>
        h.Run((Answer with { TcpFlags = 0x12, Sequence = BackendSequence, Acknowledgement = Packet.Sequence + 1 }).Seal()).Action == XdpHarness.Transmit;

    public bool Prove() =>
        h.Run((Packet with { TcpFlags = XdpCase.Ack, Acknowledgement = BackendSequence + 1 }).Seal()).Action == XdpHarness.Transmit;

    /// <summary>Whether data goes both ways, to and from the same backend by the same port.</summary>
    public bool Passes()
    {
        Outcome there = h.Run((Packet with { TcpFlags = XdpCase.Ack }).Seal());
        Outcome back = h.Run((Answer with { TcpFlags = XdpCase.Ack }).Seal());
        return there.Action == XdpHarness.Transmit && IsSameWay(there.Frame) && back.Action == XdpHarness.Transmit && IsMine(back.Frame);
    }

    /// <summary>Takes the backend and the port from what left this host.</summary>
    public void Left(byte[] frame)
    {
        NatPort = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(_l4));
        _backend = Backend(frame);
    }

    public bool IsMine(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(_l4 + 2)) == port;

    private bool IsSameWay(byte[] frame) =>
        BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(_l4)) == NatPort && Backend(frame).SequenceEqual(_backend);

    private byte[] Backend(byte[] frame) => c.V6 ? frame[38..54] : frame[30..34];
}
