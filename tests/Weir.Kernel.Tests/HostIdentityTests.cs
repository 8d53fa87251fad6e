// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>The host is who sends from this host, not whoever has its address in a packet.</summary>
public sealed class HostIdentityTests : IDisposable
{
    private const uint Host = 1;
    private const uint Device = 7;
    private const ushort Port = 80;

    private readonly ProgramHarness _h = new();

    public HostIdentityTests()
    {
        _h.AddEndpoint(1, 256, "10.11.0.2", "fd00:11::2");
        _h.SetIpcache("192.0.2.1/32", Host);
        _h.SetIpcache("2001:db8:1::1/128", Host);
        AllowOnly(Host);
    }

    public void Dispose() => _h.Dispose();

    [Theory]
    [InlineData(false, 6)]
    [InlineData(true, 6)]
    [InlineData(false, 17)]
    [InlineData(true, 17)]
    public void HostsAddress_ByADevice_IsTheWorld(bool v6, byte protocol)
    {
        Assert.Equal(DropReason.PolicyDenied, _h.ToContainer(1, FromHost(v6, protocol), cameBy: Device).Reason);
        Assert.Equal(DropReason.None, _h.ToContainer(1, FromHost(v6, protocol)).Reason);
        Assert.Equal(Host, _h.OnlyFlow().SrcIdentity);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HostsFlow_IsNotJoinedFromADevice(bool v6)
    {
        Frame frame = FromHost(v6, 17);
        _h.ToContainer(1, frame);
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(1, frame, cameBy: Device).Reason);
        Assert.Equal(DropReason.None, _h.ToContainer(1, frame).Reason);
    }

    [Fact]
    public void MasqueradedFlow_StaysTheWorld_WhenPolicyChanges_WhoeverSendsNext()
    {
        AllowOnly(9);
        Frame frame = FromHost(false, 17);
        Assert.Equal(DropReason.None, _h.ToContainer(1, frame, cameBy: Device).Reason);
        Frame answer = frame.Reply() with { SourceMac = Frame.ContainerMac, DestinationMac = Frame.GatewayMac };
        AllowOnly(9);
        Assert.Equal(DropReason.None, _h.FromContainer(1, answer).Reason);
        Assert.Equal(DropReason.None, _h.ToContainer(1, frame, cameBy: Device).Reason);
        Assert.Equal(9u, _h.OnlyFlow().SrcIdentity);
        AllowOnly(Host);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, answer).Reason);
    }

    private void AllowOnly(uint peer) =>
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Allow(peer, PolicyDirection.Ingress, 6, Port, 5), ProgramHarness.Allow(peer, PolicyDirection.Ingress, 17, Port, 5));

    private static Frame FromHost(bool v6, byte protocol) => new()
    {
        SourceMac = Frame.GatewayMac,
        DestinationMac = Frame.ContainerMac,
        Source = v6 ? "2001:db8:1::1" : "192.0.2.1",
        Destination = v6 ? "fd00:11::2" : "10.11.0.2",
        Protocol = protocol,
        DestinationPort = Port,
    };
}
