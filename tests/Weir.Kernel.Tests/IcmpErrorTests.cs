// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>An ICMP error passes only for a living flow, quoted rightly, from that flow's other end or, where that is
/// outside, from any router outside.</summary>
public sealed class IcmpErrorTests : IDisposable
{
    private const byte Udp = 17;
    private readonly ProgramHarness _h = new();

    public IcmpErrorTests()
    {
        _h.AddEndpoint(1, 256, Web(false), Web(true));
        _h.AddEndpoint(2, 257, Api(false), Api(true));
        _h.AddEndpoint(3, 258, "10.11.0.4", "fd00:11::4", network: 2);
        foreach (uint id in (uint[])[1, 2, 3])
        {
            Allow(id);
        }
    }

    public static TheoryData<bool, bool> FamiliesAndKinds => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    public void Dispose() => _h.Dispose();

    [Theory]
    [MemberData(nameof(FamiliesAndKinds))]
    public void NoFlow_NothingPasses_EitherWay(bool v6, bool tooBig)
    {
        Frame sent = To(v6, World(v6));
        Assert.Equal(DropReason.IcmpUnrelated, _h.ToContainer(1, Error(Router(v6), sent, tooBig)).Reason);
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(1, Error(Web(v6), sent.Reply(), tooBig)).Reason);
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(1, Error(Web(v6), To(v6, Web(v6)) with { Source = Api(v6) }, tooBig)).Reason);
        string other = v6 ? "fd00:11::4" : "10.11.0.4";
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(1, Error(Web(v6), To(v6, Web(v6)) with { Source = other }, tooBig)).Reason);
    }

    [Theory]
    [MemberData(nameof(FamiliesAndKinds))]
    public void FlowToTheOutside_AnyRouterOutsideMayTellOfIt(bool v6, bool tooBig)
    {
        Frame sent = To(v6, World(v6));
        _h.FromContainer(1, sent);
        Assert.Equal(DropReason.None, _h.ToContainer(1, Error(Router(v6), sent, tooBig)).Reason);
        Assert.Equal(DropReason.None, _h.ToContainer(1, Error(World(v6), sent, tooBig)).Reason);
        Assert.Equal(DropReason.SpoofedEndpoint, _h.ToContainer(1, Error(Api(v6), sent, tooBig)).Reason);
        // Another container has seen nothing of it.
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(2, Error(Api(v6), sent, tooBig)).Reason);
    }

    [Theory]
    [MemberData(nameof(FamiliesAndKinds))]
    public void FlowBetweenContainers_OnlyItsOtherEndMayTellOfIt(bool v6, bool tooBig)
    {
        Frame sent = To(v6, Api(v6)) with { Protocol = Udp };
        _h.FromContainer(1, sent);
        Assert.Equal(DropReason.None, _h.FromContainer(2, Error(Api(v6), sent, tooBig)).Reason);
        Assert.Equal(DropReason.IcmpUnrelated, _h.ToContainer(1, Error(Router(v6), sent, tooBig)).Reason);
        _h.AddEndpoint(4, 259, v6 ? null : "10.11.0.5", v6 ? "fd00:11::5" : null);
        Allow(4);
        _h.FromContainer(1, sent);
        Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(4, Error(v6 ? "fd00:11::5" : "10.11.0.5", sent, tooBig)).Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ScanOfAllPorts_WithForgedQuotes_FindsNoFlow(bool v6)
    {
        Frame question = To(v6, World(v6)) with { Protocol = Udp, SourcePort = 20_053, DestinationPort = 53 };
        _h.FromContainer(1, question);
        for (ushort port = 20_000; port < 20_100; port++)
        {
            Assert.Equal(DropReason.IcmpUnrelated, _h.FromContainer(2, Error(Api(v6), question with { SourcePort = port }, false)).Reason);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FlowFromOutside_TheContainerTellsItsOpener(bool v6)
    {
        Frame received = To(v6, Api(v6)) with { Source = World(v6), Protocol = Udp };
        _h.ToContainer(2, received);
        Outcome outcome = _h.FromContainer(2, Error(Api(v6), received, false));
        Assert.Equal((ProgramHarness.Pass, DropReason.None), (outcome.Action, outcome.Reason));
    }

    [Theory]
    [InlineData(999u, DropReason.IcmpUnrelated)]
    [InlineData(1000u, DropReason.None)]
    [InlineData(1005u, DropReason.None)]
    [InlineData(1006u, DropReason.IcmpUnrelated)]
    [InlineData(0x80000000u, DropReason.IcmpUnrelated)]
    public void QuotedNumber_MustBeOneThatIsUnderWay(uint sequence, DropReason expected)
    {
        Frame sent = To(false, World(false));
        _h.FromContainer(1, sent);
        Assert.Equal(expected, _h.ToContainer(1, Error(Router(false), sent with { Sequence = sequence }, true)).Reason);
    }

    [Theory]
    [InlineData(false, 576)]
    [InlineData(true, 1280)]
    public void Freight_IsLimited(bool v6, int most)
    {
        Frame sent = To(v6, World(v6)) with { Protocol = Udp };
        _h.FromContainer(1, sent);
        int heads = (v6 ? 40 + 8 + 40 + 8 : 20 + 8 + 20 + 8);
        Frame fits = sent with { Payload = new byte[most - heads] };
        Assert.Equal(DropReason.None, _h.ToContainer(1, Error(Router(v6), fits, true)).Reason);
        Assert.Equal(DropReason.IcmpUnrelated, _h.ToContainer(1, Error(Router(v6), fits with { Payload = new byte[most - heads + 1] }, true)).Reason);
    }

    [Fact]
    public void FlowUnderAnOlderPolicy_IsJudgedBeforeAnyErrorAboutIt()
    {
        Frame sent = To(false, World(false));
        _h.FromContainer(1, sent);
        _h.SetPolicy(1, ProgramHarness.Deny(9, PolicyDirection.Egress, 6, 80, rule: 3));
        Assert.Equal(DropReason.IcmpUnrelated, _h.ToContainer(1, Error(Router(false), sent, true)).Reason);
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromContainer(1, sent with { TcpFlags = 0x10 }).Reason);
        Assert.Equal(DropReason.IcmpUnrelated, _h.ToContainer(1, Error(Router(false), sent, true)).Reason);
        Allow(1);
        Assert.Equal(DropReason.None, _h.FromContainer(1, sent).Reason);
        Assert.Equal(DropReason.None, _h.ToContainer(1, Error(Router(false), sent, true)).Reason);
    }

    [Fact]
    public void ClosedFlow_IsOver()
    {
        Frame sent = To(false, World(false));
        _h.FromContainer(1, sent);
        _h.FromContainer(1, sent with { TcpFlags = 4, Sequence = 1001 });
        Assert.Equal(DropReason.IcmpUnrelated, _h.ToContainer(1, Error(Router(false), sent, true)).Reason);
    }

    [Fact]
    public void ErrorAboutAnError_IsDropped()
    {
        Frame sent = To(false, World(false)) with { Protocol = Udp };
        _h.FromContainer(1, sent);
        Frame error = Error(Web(false), sent.Reply(), false);
        Assert.Equal(DropReason.IcmpUnrelated, _h.ToContainer(1, Error(Router(false), error, true)).Reason);
    }

    private static string Web(bool v6) => v6 ? "fd00:11::2" : "10.11.0.2";

    private static string Api(bool v6) => v6 ? "fd00:11::3" : "10.11.0.3";

    private static string World(bool v6) => v6 ? "2001:db8:7::10" : "203.0.113.10";

    private static string Router(bool v6) => v6 ? "2001:db8:1::1" : "198.51.100.1";

    private static Frame To(bool v6, string destination) => new() { Source = Web(v6), Destination = destination };

    /// <summary>"Too big" or "port unreachable", from there to the sender of what it quotes.</summary>
    private static Frame Error(string source, Frame quoted, bool tooBig)
    {
        bool v6 = source.Contains(':', StringComparison.Ordinal);
        return new Frame
        {
            Source = source,
            Destination = quoted.Source,
            Protocol = v6 ? (byte)58 : (byte)1,
            IcmpType = v6 ? (tooBig ? (byte)2 : (byte)1) : (byte)3,
            IcmpCode = v6 ? (tooBig ? (byte)0 : (byte)4) : (tooBig ? (byte)4 : (byte)3),
            Payload = quoted.Quote(),
        };
    }

    private void Allow(uint id) =>
        _h.SetPolicy(id, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
}
