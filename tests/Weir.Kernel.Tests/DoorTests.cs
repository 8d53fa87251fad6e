// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>The doors by which outsiders come to a container: closed published ports, and its own addresses.</summary>
public sealed class DoorTests : IDisposable
{
    private const string Web = "10.11.0.2";
    private const string Web6 = "fd00:11::2";
    private const string Host = "203.0.113.10";
    private const string Host6 = "2001:db8::10";
    private const string Client = "198.51.100.7";
    private const string Client6 = "2001:db8:7::7";
    private const ushort HostPort = 8080;
    private const ushort ContainerPort = 80;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Syn = 2;
    private const byte Ack = 0x10;
    private const uint HostIdentity = 1;
    private const uint World = 9;
    private const uint World6 = 10;

    private readonly ProgramHarness _h = new();

    public DoorTests()
    {
        _h.AddEndpoint(1, 256, Web, Web6, isRouted: false);
        _h.AddEndpoint(2, 257, "10.11.0.3", "fd00:11::3", isRouted: false);
        uint id = 0;
        foreach (byte protocol in (byte[])[Tcp, Udp])
        {
            _h.AddService(++id, Host, HostPort, protocol, Web, ContainerPort, BackendFlag.Present | BackendFlag.Local, frontendFlags: FrontendFlag.Closed);
            _h.AddService(++id, Host6, HostPort, protocol, Web6, ContainerPort, BackendFlag.Present | BackendFlag.Local, frontendFlags: FrontendFlag.Closed);
        }

        foreach (uint endpoint in (uint[])[1, 2])
        {
            _h.SetPolicy(endpoint, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        }
    }

    public static TheoryData<bool, byte> Families => new() { { false, Tcp }, { false, Udp }, { true, Tcp }, { true, Udp } };

    public void Dispose() => _h.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void ClosedPort_IsOpenToWhomItIsPublished_AndNobodyElse(bool v6, byte protocol)
    {
        Frame frame = ToPort(v6, protocol);
        Assert.Equal(DropReason.NotPublished, _h.FromDevice(frame).Reason);
        _h.Publish(1, HostPort, protocol, v6 ? "2001:db8:7::/48" : "198.51.100.0/24");
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(frame).Action);
        Assert.Equal(DropReason.NotPublished, _h.FromDevice(frame with { Source = v6 ? "2001:db8:8::7" : "198.51.101.7" }).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void WhatIsPublished_OpensNothingElse(bool v6, byte protocol)
    {
        string everybody = v6 ? "::/0" : "0.0.0.0/0";
        _h.Publish(1, HostPort, protocol == Tcp ? Udp : Tcp, everybody);
        _h.Publish(1, ContainerPort, protocol, everybody);
        _h.Publish(2, HostPort, protocol, everybody);
        _h.Publish(1, HostPort, protocol, v6 ? "0.0.0.0/0" : "::/0");
        Assert.Equal(DropReason.NotPublished, _h.FromDevice(ToPort(v6, protocol)).Reason);
        Assert.Equal(DropReason.NotRouted, _h.ToContainer(1, ToAddress(v6, protocol)).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void ContainersOfABridge_ComeInByEveryPort_ByTheirDeviceAlone(bool v6, byte protocol)
    {
        // A test run's packets come by device 1.
        _h.Publish(0, 0, 0, v6 ? "2001:db8:7::/48" : "198.51.100.0/24", ifindex: 2);
        Assert.Equal(DropReason.NotPublished, _h.FromDevice(ToPort(v6, protocol)).Reason);
        _h.Publish(0, 0, 0, v6 ? "2001:db8:7::/48" : "198.51.100.0/24", ifindex: 1);
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(ToPort(v6, protocol)).Action);
        _h.Publish(1, 1, protocol, "0.0.0.0/0");
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, Answer(v6, protocol)).Action);
        Assert.Equal(DropReason.NotRouted, _h.ToContainer(1, ToAddress(v6, protocol)).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void PolicysRule_OpensBothDoors_AndADeniedOneClosesThem(bool v6, byte protocol)
    {
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Allow(v6 ? World6 : World, PolicyDirection.Ingress, protocol, ContainerPort, 5));
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(ToPort(v6, protocol)).Action);
        _h.ClearConntrack();
        Assert.Equal(ProgramHarness.Pass, _h.ToContainer(1, ToAddress(v6, protocol)).Action);
        Assert.Equal(DropReason.PolicyDenied, _h.ToContainer(1, ToAddress(v6, protocol) with { DestinationPort = 81, SourcePort = 999 }).Reason);

        _h.Publish(1, HostPort, protocol, v6 ? "::/0" : "0.0.0.0/0");
        _h.SetPolicy(
            1,
            ProgramHarness.AllowAll(PolicyDirection.Egress),
            ProgramHarness.AllowAll(PolicyDirection.Ingress),
            ProgramHarness.Deny(v6 ? World6 : World, PolicyDirection.Ingress, protocol, ContainerPort, 6));
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromDevice(ToPort(v6, protocol)).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void TakenBack_EndsTheFlow_InBothDirections(bool v6, byte protocol)
    {
        string everybody = v6 ? "::/0" : "0.0.0.0/0";
        _h.Publish(1, HostPort, protocol, everybody);
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(ToPort(v6, protocol)).Action);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, Answer(v6, protocol)).Action);

        // Judged again under a later revision, and open still: both ways.
        _h.Publish(1, 9999, protocol, everybody);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, Answer(v6, protocol)).Action);
        _h.Publish(1, 9998, protocol, everybody);
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(ToPort(v6, protocol) with { TcpFlags = Ack }).Action);

        _h.Publish(1, HostPort, protocol, everybody, open: false);
        Assert.Equal(DropReason.NotPublished, _h.FromContainer(1, Answer(v6, protocol)).Reason);
        Assert.NotEqual(ProgramHarness.Redirect, _h.FromDevice(ToPort(v6, protocol) with { TcpFlags = Ack }).Action);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Fragments_OfARefusedPacket_DoNotGetThrough(bool v6, byte protocol)
    {
        ushort more = v6 ? (ushort)1 : (ushort)0x2000;
        ushort later = v6 ? (ushort)8 : (ushort)1;
        Assert.Equal(DropReason.NotPublished, _h.FromDevice(ToPort(v6, protocol) with { Fragment = more, Payload = new byte[64] }).Reason);
        Frame second = ToPort(v6, protocol) with { Fragment = later, RawL4 = [1, 2, 3, 4, 5, 6, 7, 8] };
        Assert.Equal(ProgramHarness.Untouched, _h.FromDevice(second).Action); // to the host's own stack, which lacks the first
        Assert.Equal(DropReason.FragmentNotFound, _h.ToContainer(1, second with { Destination = v6 ? Web6 : Web }).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void OpenPort_AndAServicesAddress_AreNoDoors(bool v6, byte protocol)
    {
        _h.AddService(9, v6 ? Host6 : Host, 8443, protocol, v6 ? Web6 : Web, ContainerPort, BackendFlag.Present | BackendFlag.Local);
        Assert.Equal(ProgramHarness.Redirect, _h.FromDevice(ToPort(v6, protocol) with { DestinationPort = 8443 }).Action);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void OwnAddress_IsForTheHostAndItsContainers_AndForOutsidersWhereRouted(bool v6, byte protocol)
    {
        Frame frame = ToAddress(v6, protocol);
        Assert.Equal(DropReason.NotRouted, _h.ToContainer(1, frame).Reason);
        _h.SetIpcache(v6 ? Client6 + "/128" : Client + "/32", HostIdentity);
        Assert.Equal(ProgramHarness.Pass, _h.ToContainer(1, frame).Action);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(2, frame with { DestinationMac = Frame.GatewayMac, Source = v6 ? "fd00:11::3" : "10.11.0.3" }).Action);

        _h.AddEndpoint(3, 258, "10.11.0.4", "fd00:11::4", isRouted: true);
        _h.SetPolicy(3, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        Assert.Equal(
            ProgramHarness.Pass,
            _h.ToContainer(3, frame with { Source = v6 ? "2001:db8:9::9" : "192.0.2.9", Destination = v6 ? "fd00:11::4" : "10.11.0.4" }).Action);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void WhatTheContainerOpened_IsAnswered_AlsoUnderALaterRevision(bool v6, byte protocol)
    {
        Frame opens = new()
        {
            Source = v6 ? Web6 : Web,
            Destination = v6 ? Client6 : Client,
            Protocol = protocol,
            SourcePort = 40000,
            DestinationPort = 443,
            TcpFlags = Syn,
        };
        Frame answers = opens with { Source = opens.Destination, Destination = opens.Source, SourcePort = 443, DestinationPort = 40000, TcpFlags = Syn | Ack };
        Assert.Equal(ProgramHarness.Pass, _h.FromContainer(1, opens).Action);
        Assert.Equal(ProgramHarness.Pass, _h.ToContainer(1, answers).Action);
        _h.Publish(1, 1, protocol, "0.0.0.0/0");
        Assert.Equal(ProgramHarness.Pass, _h.ToContainer(1, answers with { TcpFlags = Ack }).Action);
    }

    [Fact]
    public void Ping_FromOutside_IsNotRouted()
    {
        Frame ping = new() { Source = Client, Destination = Web, Protocol = 1, RawL4 = [8, 0, 0, 0, 0, 1, 0, 1] };
        Assert.Equal(DropReason.NotRouted, _h.ToContainer(1, ping).Reason);
    }

    private static Frame ToPort(bool v6, byte protocol) => new()
    {
        DestinationMac = Frame.DeviceMac,
        Source = v6 ? Client6 : Client,
        Destination = v6 ? Host6 : Host,
        Protocol = protocol,
        SourcePort = 40000,
        DestinationPort = HostPort,
        TcpFlags = Syn,
    };

    private static Frame ToAddress(bool v6, byte protocol) =>
        ToPort(v6, protocol) with { Destination = v6 ? Web6 : Web, DestinationPort = ContainerPort, SourcePort = 40001 };

    private static Frame Answer(bool v6, byte protocol) => new()
    {
        Source = v6 ? Web6 : Web,
        Destination = v6 ? Client6 : Client,
        Protocol = protocol,
        SourcePort = ContainerPort,
        DestinationPort = 40000,
        TcpFlags = Syn | Ack,
    };
}
