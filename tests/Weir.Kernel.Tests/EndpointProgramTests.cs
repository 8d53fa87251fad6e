// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>The endpoint program on crafted packets: every protocol, every drop reason.</summary>
public sealed class EndpointProgramTests : IDisposable
{
    private const string Web = "10.11.0.2";
    private const string Api = "10.11.0.3";
    private const string Other = "10.11.0.4";
    private const string Web6 = "fd00:11::2";
    private const string Api6 = "fd00:11::3";
    private const string World = "203.0.113.10";

    private readonly ProgramHarness _h = new();

    public EndpointProgramTests()
    {
        _h.AddEndpoint(1, 256, Web, Web6);
        _h.AddEndpoint(2, 257, Api, Api6);
        _h.AddEndpoint(3, 258, Other, null, network: 2);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        _h.SetPolicy(
            2,
            ProgramHarness.AllowAll(PolicyDirection.Egress),
            ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, 80, rule: 7),
            ProgramHarness.Deny(256, PolicyDirection.Ingress, 6, 81, rule: 9),
            ProgramHarness.Allow(256, PolicyDirection.Ingress, 17, 53, rule: 8),
            ProgramHarness.Allow(256, PolicyDirection.Ingress, 132, 80, rule: 8),
            ProgramHarness.Allow(256, PolicyDirection.Ingress, 1, 8 << 8, rule: 8, portBits: 8),
            ProgramHarness.Allow(256, PolicyDirection.Ingress, 58, 128 << 8, rule: 8, portBits: 8),
            ProgramHarness.Allow(9, PolicyDirection.Ingress, 6, 80, rule: 10));
        _h.SetPolicy(3, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
    }

    public void Dispose() => _h.Dispose();

    private static Frame Tcp(ushort port = 80) => new() { Source = Web, Destination = Api, DestinationPort = port };

    private static Frame Tcp6(ushort port = 80) => new() { Source = Web6, Destination = Api6, DestinationPort = port };

    [Theory]
    [InlineData(false, 6, 80, DropReason.None)]
    [InlineData(true, 6, 80, DropReason.None)]
    [InlineData(false, 6, 81, DropReason.PolicyDenyRule)]
    [InlineData(false, 6, 82, DropReason.PolicyDenied)]
    [InlineData(true, 6, 82, DropReason.PolicyDenied)]
    [InlineData(false, 17, 53, DropReason.None)]
    [InlineData(true, 17, 53, DropReason.None)]
    [InlineData(false, 17, 80, DropReason.PolicyDenied)]
    [InlineData(false, 132, 80, DropReason.None)]
    [InlineData(false, 132, 81, DropReason.PolicyDenied)]
    [InlineData(false, 1, 0, DropReason.None)]
    [InlineData(true, 58, 0, DropReason.None)]
    [InlineData(false, 47, 0, DropReason.PolicyDenied)]
    [InlineData(false, 50, 0, DropReason.PolicyDenied)]
    [InlineData(true, 47, 0, DropReason.PolicyDenied)]
    public void NewFlow_IsJudgedByBothPolicies(bool v6, byte protocol, ushort port, DropReason expected)
    {
        Frame frame = (v6 ? Tcp6(port) : Tcp(port)) with { Protocol = protocol, IcmpType = v6 ? (byte)128 : (byte)8 };
        Assert.Equal(expected, _h.FromContainer(1, frame).Reason);
    }

    [Fact]
    public void Gre_AllowedByRuleWithoutPorts_Passes()
    {
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Ingress));
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp() with { Protocol = 47 }).Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reply_OfAllowedFlow_NeedsNoRule(bool v6)
    {
        Frame syn = v6 ? Tcp6() : Tcp();
        Assert.Equal(DropReason.None, _h.FromContainer(1, syn).Reason);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress));
        Assert.Equal(DropReason.None, _h.FromContainer(2, syn.Reply()).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(2, (v6 ? Tcp6() : Tcp()).Reply(2) with { SourcePort = 5000 }).Reason);
    }

    [Fact]
    public void LocalFlow_IsRedirectedIntoThePeer()
    {
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, Tcp()).Action);
    }

    [Fact]
    public void WorldFlow_GoesToTheStack()
    {
        Outcome outcome = _h.FromContainer(1, Tcp() with { Destination = World });
        Assert.Equal(DropReason.None, outcome.Reason);
        Assert.Equal(ProgramHarness.Pass, outcome.Action);
    }

    [Theory]
    [InlineData(0x10, DropReason.None)] // taken up midway: FlowStateTests
    [InlineData(0x12, DropReason.CtInvalid)]
    [InlineData(0x04, DropReason.CtInvalid)]
    [InlineData(0x01, DropReason.CtInvalid)]
    [InlineData(0x00, DropReason.CtInvalid)]
    [InlineData(0x03, DropReason.CtInvalid)]
    [InlineData(0x06, DropReason.CtInvalid)]
    [InlineData(0x02, DropReason.None)]
    [InlineData(0xc2, DropReason.None)]
    public void Tcp_WithoutFlow_OpensByItsFlags(byte flags, DropReason expected)
    {
        Assert.Equal(expected, _h.FromContainer(1, Tcp() with { TcpFlags = flags }).Reason);
    }

    [Fact]
    public void PolicyChange_CutsLiveFlowThatIsNoLongerAllowed()
    {
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp()).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(2, Tcp().Reply()).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp() with { TcpFlags = 0x10 }).Reason);
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Egress));
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(2, Tcp().Reply(0x10)).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, Tcp() with { TcpFlags = 0x10 }).Reason);
    }

    [Fact]
    public void PolicyChange_KeepsLiveFlowThatIsStillAllowed()
    {
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp()).Reason);
        _h.SetPolicy(2, ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, 80, rule: 20));
        Assert.Equal(DropReason.None, _h.FromContainer(2, Tcp().Reply()).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp() with { TcpFlags = 0x10 }).Reason);
    }

    [Fact]
    public void EndpointWithoutPolicyMap_DeniesEverything()
    {
        _h.AddEndpoint(4, 260, "10.11.0.5", null);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(4, Tcp() with { Source = "10.11.0.5" }).Reason);
    }

    [Theory]
    [InlineData("10.11.0.3", Api)]
    [InlineData("10.11.0.9", Api)]
    [InlineData("127.0.0.1", Api)]
    [InlineData("0.0.0.0", Api)]
    [InlineData("fd00:11::9", Api6)]
    [InlineData("fe80::1", Api6)]
    [InlineData("::1", Api6)]
    public void ForgedSourceAddress_IsDropped(string source, string destination)
    {
        Assert.Equal(DropReason.InvalidSourceIp, _h.FromContainer(1, Tcp() with { Source = source, Destination = destination }).Reason);
    }

    [Theory]
    [InlineData("::ffff:10.11.0.2", Api6)]
    [InlineData(Web6, "::ffff:10.11.0.3")]
    public void MappedIpv4Address_InAnIpv6Header_IsMalformed(string source, string destination)
    {
        Assert.Equal(DropReason.Malformed, _h.FromContainer(1, Tcp() with { Source = source, Destination = destination }).Reason);
    }

    [Fact]
    public void ForgedSourceMac_IsDropped()
    {
        Assert.Equal(DropReason.InvalidSourceMac, _h.FromContainer(1, Tcp() with { SourceMac = [2, 9, 9, 9, 9, 9] }).Reason);
    }

    [Fact]
    public void UnicastToSomebodyElsesMac_IsDropped()
    {
        Assert.Equal(DropReason.Malformed, _h.FromContainer(1, Tcp() with { DestinationMac = [2, 9, 9, 9, 9, 9] }).Reason);
    }

    [Fact]
    public void OtherNetwork_IsUnreachable()
    {
        Assert.Equal(DropReason.NetworkIsolated, _h.FromContainer(1, Tcp() with { Destination = Other }).Reason);
    }

    [Fact]
    public void InternalNetwork_HasNoOutside()
    {
        _h.AddEndpoint(5, 261, "10.11.0.6", null, network: 3, isInternal: true);
        _h.SetPolicy(5, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        Assert.Equal(DropReason.NetworkInternal, _h.FromContainer(5, Tcp() with { Source = "10.11.0.6", Destination = World }).Reason);
        Assert.Equal(DropReason.NetworkInternal, _h.ToContainer(5, Tcp() with { Source = World, Destination = "10.11.0.6" }).Reason);
    }

    [Theory]
    [InlineData("224.0.0.251", Web)]
    [InlineData("255.255.255.255", Web)]
    [InlineData("ff02::fb", Web6)]
    public void Multicast_IsNotDelivered(string destination, string source)
    {
        Assert.Equal(DropReason.Multicast, _h.FromContainer(1, Tcp() with { Source = source, Destination = destination, Protocol = 17 }).Reason);
    }

    [Fact]
    public void Vlan_IsDropped() => Assert.Equal(DropReason.Vlan, _h.FromContainer(1, Tcp() with { Vlan = 5 }).Reason);

    [Theory]
    [InlineData(0x88cc)]
    [InlineData(0x8847)]
    [InlineData(0x0805)]
    public void UnknownEtherType_IsDropped(ushort type) =>
        Assert.Equal(DropReason.UnknownL3, _h.FromContainer(1, Tcp() with { EtherType = type }).Reason);

    [Fact]
    public void IpOptions_AreDropped() =>
        Assert.Equal(DropReason.IpOptions, _h.FromContainer(1, Tcp() with { Options = [1, 1, 1, 1] }).Reason);

    [Theory]
    [InlineData(0)]
    [InlineData(43)]
    [InlineData(60)]
    public void ExtensionHeaders_AreDropped(byte kind) =>
        Assert.Equal(DropReason.ExtensionHeader, _h.FromContainer(1, Tcp6() with { ExtensionHeader = kind }).Reason);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LengthBeyondTheFrame_IsTruncated(bool v6) =>
        Assert.Equal(DropReason.Truncated, _h.FromContainer(1, (v6 ? Tcp6() : Tcp()) with { LengthError = 100 }).Reason);

    [Theory]
    [InlineData(false, 6)]
    [InlineData(true, 6)]
    [InlineData(false, 17)]
    [InlineData(true, 17)]
    [InlineData(false, 132)]
    [InlineData(false, 1)]
    [InlineData(true, 58)]
    public void Frame_CutAtEveryByte_IsNeverLetThroughWithoutItsHeaders(bool v6, byte protocol)
    {
        Frame whole = (v6 ? Tcp6(53) : Tcp(53)) with { Protocol = protocol, IcmpType = v6 ? (byte)128 : (byte)8, Payload = [] };
        byte[] bytes = whole.ToBytes();
        // The kernel's test run itself refuses a frame without a whole IP header.
        for (int length = v6 ? 54 : 34; length < bytes.Length; length++)
        {
            Assert.NotEqual(DropReason.None, _h.FromContainer(1, bytes[..length]).Reason);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LaterFragment_FollowsItsFirst(bool v6)
    {
        Frame first = (v6 ? Tcp6(53) : Tcp(53)) with { Protocol = 17, Fragment = v6 ? (ushort)1 : (ushort)0x2000 };
        Frame later = first with { Fragment = v6 ? (ushort)(185 << 3) : (ushort)185, RawL4 = [1, 2, 3, 4] };
        Assert.Equal(DropReason.FragmentNotFound, _h.FromContainer(1, later).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, first).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, later).Reason);
        Assert.Equal(DropReason.FragmentNotFound, _h.FromContainer(1, later with { FragmentId = 78 }).Reason);
    }

    [Fact]
    public void LaterFragment_OfDeniedFirst_IsDropped()
    {
        Frame first = Tcp(99) with { Protocol = 17, Fragment = 0x2000 };
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, first).Reason);
        Assert.Equal(DropReason.FragmentNotFound, _h.FromContainer(1, first with { Fragment = 185, RawL4 = [1, 2] }).Reason);
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(11, 0)]
    [InlineData(12, 0)]
    public void IcmpError_RelatedToAFlow_Passes(byte type, byte code)
    {
        Frame syn = Tcp();
        Frame error = new() { Source = Api, Destination = Web, Protocol = 1, IcmpType = type, IcmpCode = code, Payload = syn.Quote() };
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(2, error).Reason);
        _h.FromContainer(1, syn);
        Outcome outcome = _h.FromContainer(2, error);
        Assert.Equal(DropReason.None, outcome.Reason);
        Assert.Equal(ProgramHarness.Redirect, outcome.Action);
    }

    [Fact]
    public void IcmpError_ForSomebodyElsesPacket_IsDropped()
    {
        _h.FromContainer(1, Tcp());
        Frame error = new() { Source = Api, Destination = World, Protocol = 1, IcmpType = 3, IcmpCode = 1, Payload = Tcp().Quote() };
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(2, error).Reason);
    }

    [Fact]
    public void Icmp6Error_RelatedToAFlow_Passes()
    {
        _h.FromContainer(1, Tcp6());
        Frame error = new() { Source = Api6, Destination = Web6, Protocol = 58, IcmpType = 1, IcmpCode = 4, Payload = Tcp6().Quote() };
        Assert.Equal(DropReason.None, _h.FromContainer(2, error).Reason);
    }

    [Fact]
    public void EchoReply_WithoutRequest_IsDropped()
    {
        Frame reply = Tcp() with { Protocol = 1, IcmpType = 0 };
        Assert.Equal(DropReason.CtInvalid, _h.FromContainer(1, reply).Reason);
    }

    [Fact]
    public void FromTheStack_WorldIsJudgedByIngressPolicy()
    {
        Assert.Equal(DropReason.None, _h.ToContainer(2, Tcp() with { Source = World }).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.ToContainer(2, Tcp(81) with { Source = World }).Reason);
    }

    [Fact]
    public void FromTheStack_WithAnEndpointsAddress_IsSpoofed()
    {
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(2, Tcp()).Reason);
        _h.FromContainer(1, Tcp());
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(2, Tcp() with { TcpFlags = 0x10 }).Reason);
    }

    [Fact]
    public void FromTheStack_ForAnotherAddress_IsDropped() =>
        Assert.Equal(DropReason.NoEndpoint, _h.ToContainer(2, Tcp() with { Source = World, Destination = "10.11.0.77" }).Reason);

    [Fact]
    public void FromTheStack_ArpAndNeighbourDiscovery_AreDropped()
    {
        Assert.Equal(DropReason.Arp, _h.ToContainer(2, Tcp() with { EtherType = 0x0806 }).Reason);
        Assert.Equal(DropReason.Neighbour, _h.ToContainer(2, Tcp6() with { Protocol = 58, IcmpType = 135, Payload = new byte[20] }).Reason);
    }

    [Fact]
    public void DestinationEndpointGone_IsDropped()
    {
        _h.FromContainer(1, Tcp());
        _h.ClearEndpoint(2);
        Assert.Equal(DropReason.NoEndpoint, _h.FromContainer(1, Tcp() with { TcpFlags = 0x10 }).Reason);
    }

    [Fact]
    public void FlowLimitOfAnEndpoint_StopsOnlyItsNewFlows()
    {
        _h.SetFlowLimit(3);
        for (ushort i = 0; i < 3; i++)
        {
            Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp() with { SourcePort = (ushort)(1000 + i) }).Reason);
        }

        Assert.Equal(DropReason.CtEndpointLimit, _h.FromContainer(1, Tcp() with { SourcePort = 2000 }).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp() with { SourcePort = 1001, TcpFlags = 0x10 }).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(2, Tcp() with { Source = Api, Destination = Web }).Reason);
    }

    [Fact]
    public void FullConntrack_DropsNewFlows_OldOnesLive()
    {
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp()).Reason);
        _h.FillConntrack();
        Assert.Equal(DropReason.CtTableFull, _h.FromContainer(1, Tcp() with { SourcePort = 2222 }).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp() with { TcpFlags = 0x10 }).Reason);
    }

    [Fact]
    public void Arp_ForTheGateway_IsAnswered()
    {
        Outcome outcome = _h.FromContainer(1, ProgramHarness.ArpRequest(1, Web, "10.11.0.1"));
        Assert.Equal(ProgramHarness.Redirect, outcome.Action);
        Assert.Equal(2, outcome.Frame[21]);
        Assert.Equal(Frame.GatewayMac, outcome.Frame[22..28]);
        Assert.Equal([10, 11, 0, 1], outcome.Frame[28..32]);
    }

    [Theory]
    [InlineData(1, Web, "10.11.0.7")]
    [InlineData(1, Api, "10.11.0.1")]
    [InlineData(2, Web, "10.11.0.1")]
    public void Arp_ForAnythingElse_IsDropped(byte operation, string sender, string target) =>
        Assert.Equal(DropReason.Arp, _h.FromContainer(1, ProgramHarness.ArpRequest(operation, sender, target)).Reason);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void NeighbourSolicitation_ForTheGateway_IsAnsweredWithAValidChecksum(bool withOption)
    {
        Outcome outcome = _h.FromContainer(1, ProgramHarness.Solicitation(Web6, "fd00:11::1", withOption));
        Assert.Equal(ProgramHarness.Redirect, outcome.Action);
        Assert.Equal(86, outcome.Frame.Length);
        Assert.Equal(136, outcome.Frame[54]);
        Assert.Equal(Frame.GatewayMac, outcome.Frame[80..86]);
        byte[] pseudo = [.. outcome.Frame[22..54], 0, 0, 0, 32, 0, 0, 0, 58, .. outcome.Frame[54..86]];
        Assert.Equal(0, Frame.Checksum(pseudo));
    }

    [Theory]
    [InlineData(Web6, "fd00:11::3")]
    [InlineData("fd00:11::9", "fd00:11::1")]
    [InlineData("::", "fd00:11::1")]
    public void NeighbourSolicitation_ForAnythingElse_IsDropped(string sender, string target) =>
        Assert.Equal(DropReason.Neighbour, _h.FromContainer(1, ProgramHarness.Solicitation(sender, target, true)).Reason);

    [Fact]
    public void CidrIdentity_DecidesByLongestPrefix()
    {
        _h.SetIpcache("203.0.113.0/24", 0x01000001);
        _h.SetIpcache("203.0.113.10/32", 0x01000002);
        _h.SetPolicy(1, ProgramHarness.Allow(0x01000001, PolicyDirection.Egress, 6, 80, rule: 3));
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp() with { Destination = "203.0.113.11" }).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, Tcp() with { Destination = World }).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, Tcp() with { Destination = "198.51.100.1" }).Reason);
    }

    [Fact]
    public void ClosedConnection_PortsCanBeUsedAgain()
    {
        _h.FromContainer(1, Tcp());
        _h.FromContainer(2, Tcp().Reply());
        _h.FromContainer(1, Tcp() with { TcpFlags = 0x14, Sequence = 1001 });
        Assert.Equal(DropReason.None, _h.FromContainer(1, Tcp()).Reason);
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Egress));
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, Tcp()).Reason);
    }
}
