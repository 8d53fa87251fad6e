// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Services whose backend is a container of this host: what the devices' programs do with a client's packet,
/// and the endpoint's with the answer.</summary>
public sealed class LocalBackendTests : IDisposable
{
    private const string Web = "10.11.0.2";
    private const string Web6 = "fd00:11::2";
    private const string Frontend = "203.0.113.10";
    private const string Frontend6 = "2001:db8::10";
    private const string Client = "198.51.100.7";
    private const string Client6 = "2001:db8:7::7";
    private const ushort Port = 80;
    private const ushort BackendPort = 8080;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Ack = 0x10;
    private const uint World = 9;
    private const uint World6 = 10;

    private readonly ProgramHarness _h = new();

    public LocalBackendTests()
    {
        _h.AddEndpoint(1, 256, Web, Web6);
        _h.AddService(1, Frontend, Port, Tcp, Web, BackendPort, BackendFlag.Present | BackendFlag.Local);
        _h.AddService(2, Frontend, Port, Udp, Web, BackendPort, BackendFlag.Present | BackendFlag.Local);
        _h.AddService(3, Frontend6, Port, Tcp, Web6, BackendPort, BackendFlag.Present | BackendFlag.Local);
        _h.AddService(4, Frontend6, Port, Udp, Web6, BackendPort, BackendFlag.Present | BackendFlag.Local);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
    }

    public static TheoryData<bool, byte> Families => new() { { false, Tcp }, { false, Udp }, { true, Tcp }, { true, Udp } };

    public void Dispose() => _h.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void ClientsPacket_IsDeliveredToTheBackend_AndTheAnswerComesFromTheFrontend(bool v6, byte protocol)
    {
        Frame frame = FromClient(v6, protocol);
        Outcome outcome = _h.FromDevice(frame.WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(Translated(frame).WithChecksums(), outcome.Frame);
        CtEntry flow = _h.OnlyFlow();
        Assert.True((flow.Flags & CtFlag.Service) != 0);
        Assert.Equal((v6 ? World6 : World, 256u, (ushort)0, (ushort)1), (flow.SrcIdentity, flow.DstIdentity, flow.SrcEndpoint, flow.DstEndpoint));
        Assert.True((flow.Flags & CtFlag.Brief) != 0);
        Assert.Equal((protocol == Tcp ? 1u : 2u) + (v6 ? 2u : 0u), flow.FrontendId);

        Frame answer = FromBackend(v6, protocol);
        outcome = _h.FromContainer(1, answer.WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(Answered(answer).WithChecksums(), outcome.Frame);

        // The flow as known.
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice((frame with { TcpFlags = Ack }).WithChecksums()).Action);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, answer with { TcpFlags = Ack }).Action);
    }

    [Fact]
    public void LoopbacksFrontend_IsNotForTheNeighbours()
    {
        _h.AddService(5, "127.0.0.1", Port, Tcp, Web, BackendPort, BackendFlag.Present | BackendFlag.Local, ServiceFlag.HostOnly);
        byte[] frame = (FromClient(false, Tcp) with { Destination = "127.0.0.1" }).WithChecksums();
        Outcome outcome = _h.FromDevice(frame);
        Assert.Equal(DropReason.None, outcome.Reason);
        Assert.NotEqual(ProgramHarness.Redirect, outcome.Action);
        Assert.Equal(frame, outcome.Frame);
    }

    [Fact]
    public void Udp_WithoutAChecksum_StaysWithoutOne()
    {
        Frame frame = FromClient(false, Udp);
        Assert.Equal(Translated(frame).ToBytes(), _h.FromDevice(frame).Frame);
        Assert.Equal(Answered(FromBackend(false, Udp)).ToBytes(), _h.FromContainer(1, FromBackend(false, Udp)).Frame);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Fragments_GoTheWayOfTheFirst_BothWays(bool v6, byte protocol)
    {
        ushort more = v6 ? (ushort)1 : (ushort)0x2000;
        ushort later = v6 ? (ushort)8 : (ushort)1;
        Frame first = FromClient(v6, protocol) with { Fragment = more, Payload = new byte[64] };
        Frame second = FromClient(v6, protocol) with { Fragment = later, RawL4 = [1, 2, 3, 4, 5, 6, 7, 8] };
        Assert.Equal(ProgramHarness.Untouched, _h.FromDevice(second).Action);
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(first).Action);
        Outcome outcome = _h.FromDevice(second);
        Assert.Equal(ProgramHarness.Redirect, outcome.Action);
        Assert.Equal(Translated(second).ToBytes(), outcome.Frame);

        Frame answer = FromBackend(v6, protocol);
        Frame answerLater = answer with { Fragment = later, RawL4 = [1, 2, 3, 4, 5, 6, 7, 8] };
        Assert.Equal(DropReason.FragmentNotFound, _h.FromContainer(1, answerLater).Reason);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, answer with { Fragment = more, Payload = new byte[64] }).Action);
        outcome = _h.FromContainer(1, answerLater);
        Assert.Equal(ProgramHarness.Redirect, outcome.Action);
        Assert.Equal(Answered(answerLater).ToBytes(), outcome.Frame);
    }

    [Fact]
    public void Policy_JudgesTheTrueClient_AtTheBackendsPort()
    {
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Allow(300, PolicyDirection.Ingress, Tcp, BackendPort, 5));
        Assert.Equal(DropReason.PolicyDenied, _h.FromDevice(FromClient(false, Tcp)).Reason);
        _h.SetIpcache(Client + "/32", 300);
        Assert.Equal(DropReason.None, _h.FromDevice(FromClient(false, Tcp)).Reason);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Deny(300, PolicyDirection.Ingress, Tcp, BackendPort, 6));
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromDevice(FromClient(false, Tcp) with { TcpFlags = Ack }).Reason);
    }

    [Fact]
    public void InternalNetwork_IsNotReached()
    {
        _h.AddEndpoint(1, 256, Web, Web6, isInternal: true);
        Assert.Equal(DropReason.NetworkInternal, _h.FromDevice(FromClient(false, Tcp)).Reason);
    }

    [Theory]
    [InlineData(Web)]
    [InlineData("192.0.2.1")]
    public void Client_WithAnAddressOfThisHost_IsForged(string client)
    {
        _h.SetIpcache("192.0.2.1/32", 1);
        Assert.Equal(DropReason.SpoofedEndpoint, _h.FromDevice(FromClient(false, Tcp) with { Source = client }).Reason);
    }

    [Fact]
    public void NoBackend_DropsAtTheDevice()
    {
        _h.AddService(1, Frontend, Port, Tcp, Web, BackendPort, 0);
        Assert.Equal(DropReason.NoBackend, _h.FromDevice(FromClient(false, Tcp)).Reason);
        _h.AddService(1, Frontend, Port, Tcp, "10.11.0.99", BackendPort, BackendFlag.Present | BackendFlag.Local);
        Assert.Equal(DropReason.NoEndpoint, _h.FromDevice(FromClient(false, Tcp)).Reason);
    }

    [Fact]
    public void WhatIsNoServiceOfThisHost_IsUntouched()
    {
        _h.AddService(5, "203.0.113.11", Port, Tcp, "10.99.0.1", BackendPort, BackendFlag.Present);
        Frame frame = FromClient(false, Tcp);
        Frame[] others =
        [
            frame with { Destination = "203.0.113.11" },
            frame with { DestinationPort = 81 },
            frame with { Destination = Client },
            frame with { Protocol = 132 },
            frame with { Protocol = 1 },
            frame with { Protocol = 47 },
            frame with { Vlan = 7 },
            frame with { Options = [1, 1, 1, 1] },
            frame with { EtherType = 0x88cc },
            frame with { DestinationMac = Frame.GatewayMac },
            FromClient(true, Tcp) with { ExtensionHeader = 0 },
        ];
        foreach (byte[] bytes in others.Select(other => other.ToBytes()))
        {
            Outcome outcome = _h.FromDevice(bytes);
            Assert.Equal((ProgramHarness.Untouched, DropReason.None), (outcome.Action, outcome.Reason));
            Assert.Equal(bytes, outcome.Frame);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void CutShort_AtEveryByte_IsUntouchedOrDropped(bool v6, byte protocol)
    {
        byte[] whole = (FromClient(v6, protocol) with { Payload = [] }).ToBytes();
        for (int length = v6 ? 54 : 34; length < whole.Length; length++)
        {
            byte[] cut = whole[..length];
            Outcome outcome = _h.FromDevice(cut);
            Assert.Equal((length, ProgramHarness.Untouched), (length, outcome.Action));
            Assert.Equal(cut, outcome.Frame);
            // Cut in the same place by whoever made it: its length says so.
            int payload = length - 14 - (v6 ? 40 : 0);
            if (payload >= (v6 ? 0 : 20))
            {
                BinaryPrimitives.WriteUInt16BigEndian(cut.AsSpan(v6 ? 18 : 16), (ushort)payload);
                uint action = _h.FromDevice(cut).Action;

                // With its checksum there it can be rewritten: the container's stack refuses the rest.
                bool hasChecksum = length - (v6 ? 54 : 34) >= 18;
                Assert.True(action is ProgramHarness.Untouched or ProgramHarness.Drop || (hasChecksum && action == ProgramHarness.Redirect), $"{length}: {action}");
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IcmpError_FromThePath_ReachesTheBackend_AsIfAboutItsOwnPacket(bool v6)
    {
        Frame quoted = Answered(FromBackend(v6, Tcp) with { TcpFlags = Ack }) with { Payload = [] };
        Frame error = Error(v6, v6 ? "2001:db8:1::1" : "192.0.2.77", v6 ? Frontend6 : Frontend, quoted) with { DestinationMac = Frame.DeviceMac, SourceMac = Frame.GatewayMac };
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromDevice(error).Reason);
        _h.FromDevice(FromClient(v6, Tcp));
        _h.FromContainer(1, FromBackend(v6, Tcp));
        Outcome outcome = _h.FromDevice(error.WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Frame inner = quoted with { Source = v6 ? Web6 : Web, SourcePort = BackendPort };
        Frame expected = Error(v6, error.Source, v6 ? Web6 : Web, inner) with { SourceMac = Frame.ContainerMac, DestinationMac = Frame.GatewayMac };
        Assert.Equal(expected.WithChecksums(), outcome.Frame);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IcmpError_OfTheContainer_ReachesTheClient_AsIfFromTheFrontend(bool v6)
    {
        _h.FromDevice(FromClient(v6, Udp));
        Frame quoted = Translated(FromClient(v6, Udp));
        Outcome outcome = _h.FromContainer(1, Error(v6, v6 ? Web6 : Web, v6 ? Client6 : Client, quoted).WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Frame inner = quoted with { Destination = v6 ? Frontend6 : Frontend, DestinationPort = Port };
        Frame expected = Error(v6, v6 ? Frontend6 : Frontend, v6 ? Client6 : Client, inner);
        Assert.Equal((expected with { HopLimit = expected.Hops - 1 }).WithChecksums(), outcome.Frame);
    }

    [Fact]
    public void Answer_WithNoHopLeft_IsDropped()
    {
        _h.FromDevice(FromClient(false, Tcp));
        Assert.Equal(DropReason.Malformed, _h.FromContainer(1, FromBackend(false, Tcp) with { HopLimit = 1 }).Reason);
    }

    [Fact]
    public void Proxy_GetsTheFlow_AndItsAnswerComesFromTheFrontend()
    {
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), new PolicyMapEntry(0, PolicyDirection.Ingress, Tcp, BackendPort, 16, true, 8, 77));
        Assert.Equal(DropReason.ProxyUnavailable, _h.FromDevice(FromClient(false, Tcp)).Reason);
        _h.ClearConntrack();
        _h.SetProxyPort(15001);
        Frame frame = FromClient(false, Tcp);
        Outcome outcome = _h.FromDevice(frame.WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal((frame with { Destination = Web, DestinationPort = BackendPort }).WithChecksums()[6..], outcome.Frame[6..]);

        Frame answer = FromBackend(false, Tcp);
        outcome = _h.ToDevice(answer.ToBytes(), mark: 0);
        Assert.Equal(answer.ToBytes(), outcome.Frame);
        byte[] sent = answer.WithChecksums();
        outcome = _h.ToDevice(sent, (uint)ProxyMark.MarkFromProxy);
        Assert.Equal(ProgramHarness.Untouched, outcome.Action);
        Assert.Equal((answer with { Source = Frontend, SourcePort = Port }).WithChecksums(), outcome.Frame);
        // What the backend answers goes to the proxy, not to the client.
        outcome = _h.FromContainer(1, answer);
        Assert.Equal(ProgramHarness.Redirect, outcome.Action);
        Assert.Equal(answer.ToBytes()[6..], outcome.Frame[6..]);
    }

    /// <summary>A service first, then the backend's own address from the same port: the backend could not tell the two
    /// apart. The client hears so at once, and the first connection goes on.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BackendsOwnAddress_WithAServicesPorts_IsRefusedAtOnce(bool v6)
    {
        _h.FromDevice(FromClient(v6, 6));
        _h.FromContainer(1, FromBackend(v6, 6));
        Frame past = Translated(FromClient(v6, 6)) with { SourceMac = Frame.GatewayMac, DestinationMac = Frame.ContainerMac };
        Outcome outcome = _h.ToContainer(1, past);
        Assert.Equal(DropReason.CtInvalid, outcome.Reason);
        Assert.Equal(ProgramHarness.Redirect, outcome.Action);
        Assert.Equal(0x14, outcome.Frame[v6 ? 67 : 47]); // RST and ACK
        Assert.Equal(DropReason.None, _h.FromDevice(FromClient(v6, 6) with { TcpFlags = Ack, Sequence = 1001 }).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, FromBackend(v6, 6) with { TcpFlags = Ack, Sequence = 1001 }).Reason);

        // What is no opening packet hears nothing.
        Assert.Equal(ProgramHarness.Drop, _h.ToContainer(1, past with { TcpFlags = Ack }).Action);
    }

    [Theory]
    [InlineData(Tcp)]
    [InlineData(Udp)]
    public void OtherFrontend_WithTheSamePorts_GetsAFlowOfItsOwn_FromAnotherPort(byte protocol)
    {
        const string other = "203.0.113.11";
        _h.AddService(5, other, Port, protocol, Web, BackendPort, BackendFlag.Present | BackendFlag.Local);
        _h.FromDevice(FromClient(false, protocol));
        _h.FromContainer(1, FromBackend(false, protocol));
        Frame second = FromClient(false, protocol) with { Destination = other };
        Outcome outcome = _h.FromDevice(second.WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        ushort port = (ushort)((outcome.Frame[34] << 8) | outcome.Frame[35]);
        Assert.NotEqual(second.SourcePort, port);
        Assert.Equal((Translated(second) with { SourcePort = port }).WithChecksums(), outcome.Frame);
        Assert.Equal(2, _h.Flows().Count);

        Frame answer = FromBackend(false, protocol) with { DestinationPort = port };
        outcome = _h.FromContainer(1, answer.WithChecksums());
        Assert.Equal((Answered(answer) with { Source = other, DestinationPort = second.SourcePort }).WithChecksums(), outcome.Frame);
        outcome = _h.FromDevice((second with { TcpFlags = Ack }).WithChecksums());
        Assert.Equal((Translated(second) with { SourcePort = port, TcpFlags = Ack }).WithChecksums(), outcome.Frame);

        // Errors go both ways, each about the flow as its receiver knows it.
        Frame received = Translated(second) with { SourcePort = port, TcpFlags = Ack, Sequence = 1001 };
        outcome = _h.FromContainer(1, Error(false, Web, Client, received).WithChecksums());
        Frame expected = Error(false, other, Client, received with { Destination = other, DestinationPort = Port, SourcePort = second.SourcePort });
        Assert.Equal((expected with { HopLimit = expected.Hops - 1 }).WithChecksums()[14..], outcome.Frame[14..]);
        Frame sent = Answered(answer with { TcpFlags = Ack, Sequence = 1001 }) with { Source = other, DestinationPort = second.SourcePort, Payload = [] };
        outcome = _h.FromDevice((Error(false, "192.0.2.77", other, sent) with { DestinationMac = Frame.DeviceMac }).WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(Error(false, "192.0.2.77", Web, sent with { Source = Web, SourcePort = BackendPort, DestinationPort = port }).WithChecksums()[14..], outcome.Frame[14..]);

        // The first goes on as it was.
        outcome = _h.FromDevice((FromClient(false, protocol) with { TcpFlags = Ack }).WithChecksums());
        Assert.Equal((Translated(FromClient(false, protocol)) with { TcpFlags = Ack }).WithChecksums(), outcome.Frame);
    }

    [Fact]
    public void ForgottenFlow_IsAnsweredWithAReset_FromTheFrontend()
    {
        Outcome outcome = _h.FromDevice((FromClient(false, Tcp) with { TcpFlags = Ack }).WithChecksums());
        Assert.Equal((ProgramHarness.Redirect, DropReason.CtInvalid), (outcome.Action, outcome.Reason));
        Frame reset = FromClient(false, Tcp).Reply(4) with { SourceMac = Frame.DeviceMac, DestinationMac = Frame.GatewayMac, Sequence = 1001, Payload = [], FragmentId = 0 };
        Assert.Equal(reset.WithChecksums(), outcome.Frame);
    }

    /// <summary>Netfilter masquerades by the source's own port, also where that is a frontend's.</summary>
    [Theory]
    [InlineData(false, 0x12)]
    [InlineData(false, Ack)]
    [InlineData(true, 0x12)]
    [InlineData(true, Ack)]
    public void AnswerToAConnectionOfTheHostsOwnAddress_IsLeftToTheStack(bool v6, byte flags)
    {
        const uint Host = 1;
        _h.SetIpcache(v6 ? Frontend6 + "/128" : Frontend + "/32", Host);
        byte[] answer = (FromClient(v6, Tcp) with { TcpFlags = flags }).WithChecksums();
        Outcome outcome = _h.FromDevice(answer);
        Assert.Equal((ProgramHarness.Untouched, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(answer, outcome.Frame);

        // Once a client opens a flow by the same ports, what does not fit it goes no further.
        Assert.Equal(DropReason.None, _h.FromDevice(FromClient(v6, Tcp)).Reason);
        Assert.Equal(DropReason.TcpSequence, _h.FromDevice((FromClient(v6, Tcp) with { TcpFlags = 4, Sequence = 77777777 }).WithChecksums()).Reason);
    }

    [Fact]
    public void ClosedFlows_DoNotCountAgainstTheirEndpoint()
    {
        _h.SetFlowLimit(2);
        for (ushort port = 1000; port < 1040; port++)
        {
            Frame syn = new() { Source = Web, Destination = Client, SourcePort = port };
            Assert.Equal(DropReason.None, _h.FromContainer(1, syn).Reason);
            Assert.Equal(1u, _h.FlowsOf(1));
            Frame last = port % 2 == 0 ? syn with { TcpFlags = 4 } : syn with { TcpFlags = 0x11 };
            _h.ToContainer(1, syn.Reply() with { SourceMac = Frame.GatewayMac });
            _h.FromContainer(1, last with { Sequence = 1001 });
            _h.ToContainer(1, syn.Reply(0x11) with { SourceMac = Frame.GatewayMac, Sequence = 1005, Acknowledgement = 1005 });
            Assert.Equal(0u, _h.FlowsOf(1));
        }

        Assert.Equal(DropReason.None, _h.FromContainer(1, new Frame { Source = Web, Destination = Client, SourcePort = 1 }).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, new Frame { Source = Web, Destination = Client, SourcePort = 2 }).Reason);
        Assert.Equal(DropReason.CtEndpointLimit, _h.FromContainer(1, new Frame { Source = Web, Destination = Client, SourcePort = 3 }).Reason);
    }

    private static Frame FromClient(bool v6, byte protocol) => new()
    {
        SourceMac = Frame.GatewayMac,
        DestinationMac = Frame.DeviceMac,
        Source = v6 ? Client6 : Client,
        Destination = v6 ? Frontend6 : Frontend,
        Protocol = protocol,
        DestinationPort = Port,
    };

    private static Frame FromBackend(bool v6, byte protocol) => new()
    {
        Source = v6 ? Web6 : Web,
        Destination = v6 ? Client6 : Client,
        Protocol = protocol,
        SourcePort = BackendPort,
        DestinationPort = 40000,
        TcpFlags = 0x12,
    };

    /// <summary>As the container gets it; the harness gives its endpoints MACs the wrong way round.</summary>
    private static Frame Translated(Frame f) => f with
    {
        SourceMac = Frame.ContainerMac,
        DestinationMac = Frame.GatewayMac,
        Destination = f.Destination == Frontend6 ? Web6 : Web,
        DestinationPort = BackendPort,
    };

    /// <summary>As the client gets it.</summary>
    private static Frame Answered(Frame f) => f with
    {
        Source = f.Source == Web6 ? Frontend6 : Frontend,
        SourcePort = Port,
        HopLimit = f.Hops - 1,
    };

    /// <summary>"Packet too big", or "port unreachable" where a UDP packet is quoted.</summary>
    private static Frame Error(bool v6, string source, string destination, Frame quoted)
    {
        bool udp = quoted.Protocol == Udp;
        byte type = v6 ? (udp ? (byte)1 : (byte)2) : (byte)3;
        byte code = udp ? (v6 ? (byte)4 : (byte)3) : (v6 ? (byte)0 : (byte)4);
        return new Frame { Source = source, Destination = destination, Protocol = v6 ? (byte)58 : (byte)1, RawL4 = [type, code, 0, 0, 0, 0, 5, 100, .. quoted.Quote()] };
    }
}
