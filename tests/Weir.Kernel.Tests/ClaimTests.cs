// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Addresses that an endpoint has beside its own.</summary>
public sealed class ClaimTests : IDisposable
{
    private const string Web = "10.11.0.2";
    private const string Api = "10.11.0.3";
    private const string Vip = "10.11.0.100";
    private const string Behind = "10.99.3.7";
    private const string World = "203.0.113.10";
    private const string Web6 = "fd00:11::2";
    private const string Api6 = "fd00:11::3";
    private const string Vip6 = "fd00:99::7";
    private const string World6 = "2001:db8::10";
    private const ushort Open = 80;
    private const ushort Closed = 81;

    private readonly ProgramHarness _h = new();

    public ClaimTests()
    {
        _h.AddEndpoint(1, 256, Web, Web6);
        _h.AddEndpoint(2, 257, Api, Api6);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        _h.SetPolicy(
            2,
            ProgramHarness.Allow(9, PolicyDirection.Egress, 6, Open, rule: 3),
            ProgramHarness.Allow(10, PolicyDirection.Egress, 6, Open, rule: 3),
            ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, Open, rule: 7),
            ProgramHarness.Allow(9, PolicyDirection.Ingress, 6, Open, rule: 8),
            ProgramHarness.Allow(10, PolicyDirection.Ingress, 6, Open, rule: 8));
    }

    public static TheoryData<string, string, string, string, string> Claims => new()
    {
        { Vip + "/32", Vip, Web, Api, World },
        { "10.99.0.0/16", Behind, Web, Api, World },
        { Vip6 + "/128", Vip6, Web6, Api6, World6 },
        { "fd00:99::/64", Vip6, Web6, Api6, World6 },
    };

    public void Dispose() => _h.Dispose();

    [Theory]
    [MemberData(nameof(Claims))]
    public void ClaimedAddress_IsTheContainersOwn_InBothDirections(string claim, string address, string client, string own, string world)
    {
        Frame there = new() { Source = client, Destination = address, DestinationPort = Open };
        Frame fromOutside = there with { Source = world };
        Frame outward = new() { Source = address, Destination = world, DestinationPort = Open };
        Assert.Equal(DropReason.InvalidSourceIp, _h.FromContainer(2, outward).Reason);
        Assert.Equal(DropReason.NoEndpoint, _h.ToContainer(2, fromOutside).Reason);
        Assert.Equal(ProgramHarness.Pass, _h.FromContainer(1, there with { SourcePort = 1 }).Action);

        _h.Claim(2, claim);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, there).Action);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(2, there.Reply()).Action);
        Assert.Equal(ProgramHarness.Pass, _h.ToContainer(2, fromOutside).Action);
        Assert.Equal(ProgramHarness.Pass, _h.FromContainer(2, outward).Action);
        Assert.Equal(ProgramHarness.Pass, _h.ToContainer(2, outward.Reply()).Action);

        // Its own stays its own.
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, there with { Destination = own }).Action);
    }

    [Theory]
    [MemberData(nameof(Claims))]
    public void ClaimedAddress_IsUnderItsContainersPolicy(string claim, string address, string client, string own, string world)
    {
        _h.Claim(2, claim);
        Frame there = new() { Source = client, Destination = address, DestinationPort = Closed };
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, there).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.ToContainer(2, there with { Source = world }).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(2, new Frame { Source = address, Destination = world, DestinationPort = Closed }).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(2, new Frame { Source = address, Destination = client, DestinationPort = Open }).Reason);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(2, new Frame { Source = own, Destination = client, DestinationPort = Open }).Reason);
    }

    [Theory]
    [MemberData(nameof(Claims))]
    public void NobodyElse_HasIt_NeitherAContainerNorTheOutside(string claim, string address, string client, string own, string world)
    {
        _h.Claim(2, claim);
        Assert.Equal(DropReason.InvalidSourceIp, _h.FromContainer(1, new Frame { Source = address, Destination = own }).Reason);
        Assert.Equal(DropReason.InvalidSourceIp, _h.FromContainer(1, new Frame { Source = address, Destination = world }).Reason);
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(1, new Frame { Source = address, Destination = client }).Reason);
        Assert.Equal(DropReason.NoEndpoint, _h.ToContainer(1, new Frame { Source = world, Destination = address }).Reason);
    }

    [Fact]
    public void Gateway_IsToldToWhomTheAddressIs()
    {
        Assert.Equal(DropReason.Arp, _h.FromContainer(2, ProgramHarness.ArpRequest(1, Vip, "10.11.0.1")).Reason);
        Assert.Equal(DropReason.Neighbour, _h.FromContainer(2, ProgramHarness.Solicitation(Vip6, "fd00:11::1", true)).Reason);
        _h.Claim(2, Vip + "/32");
        _h.Claim(2, Vip6 + "/128");
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(2, ProgramHarness.ArpRequest(1, Vip, "10.11.0.1")).Action);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(2, ProgramHarness.Solicitation(Vip6, "fd00:11::1", true)).Action);
        Assert.Equal(DropReason.Arp, _h.FromContainer(1, ProgramHarness.ArpRequest(1, Vip, "10.11.0.1")).Reason);
        Assert.Equal(DropReason.Neighbour, _h.FromContainer(1, ProgramHarness.Solicitation(Vip6, "fd00:11::1", true)).Reason);
    }

    [Fact]
    public void OtherNetworksContainers_DoNotReachIt()
    {
        _h.Claim(2, Vip + "/32");
        _h.AddEndpoint(3, 258, "10.12.0.2", null, network: 2);
        _h.SetPolicy(3, ProgramHarness.AllowAll(PolicyDirection.Egress));
        Assert.Equal(DropReason.NetworkIsolated, _h.FromContainer(3, new Frame { Source = "10.12.0.2", Destination = Vip }).Reason);
    }
}
