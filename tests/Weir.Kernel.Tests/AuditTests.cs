// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>What the programs do with flows that policy allows and rules in audit would deny.</summary>
public sealed class AuditTests : IDisposable
{
    private const string Web = "10.11.0.2";
    private const string Api = "10.11.0.3";
    private const string World = "203.0.113.10";
    private const byte Ack = 0x10;
    private const uint Rule = 9;

    private readonly ProgramHarness _h = new();
    private readonly RingBuffer _events;

    public AuditTests()
    {
        _h.AddEndpoint(1, 256, Web, "fd00:11::2");
        _h.AddEndpoint(2, 257, Api, "fd00:11::3");
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        Audit(2, PolicyDirection.Ingress, Rule);
        _events = new RingBuffer(_h.Map("weir_events"));
    }

    public void Dispose()
    {
        _events.Dispose();
        _h.Dispose();
    }

    [Theory]
    [InlineData(6, false)]
    [InlineData(6, true)]
    [InlineData(17, false)]
    [InlineData(1, false)]
    [InlineData(58, true)]
    public void NewFlow_PassesAndIsToldOnce(byte protocol, bool v6)
    {
        Frame first = new() { Source = v6 ? "fd00:11::2" : Web, Destination = v6 ? "fd00:11::3" : Api, Protocol = protocol, IcmpType = v6 ? (byte)128 : (byte)8 };
        Outcome outcome = _h.FromContainer(1, first);
        Assert.Equal((DropReason.None, DropReason.PolicyDenyRule), (outcome.Reason, outcome.Audited));
        Event told = Assert.Single(Told());
        Assert.Equal((EventType.Verdict, Verdict.Audit, DropReason.PolicyDenyRule, Rule), (told.Type, told.Verdict, told.DropReason, told.RuleId));
        Assert.Equal((Direction.Ingress, (ushort)2, 256u, 257u), (told.Direction, told.EndpointId, told.SrcIdentity, told.DstIdentity));
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(DropReason.None, _h.FromContainer(1, first with { TcpFlags = Ack, Sequence = 1005 }).Audited);
        }

        Assert.Equal(DropReason.None, _h.FromContainer(2, protocol is 1 or 58 ? first with { Source = first.Destination, Destination = first.Source, IcmpType = v6 ? (byte)129 : (byte)0 } : first.Reply()).Audited);
        Assert.Empty(Told());
        Assert.True((_h.OnlyFlow().Flags & CtFlag.Audited) != 0);
    }

    [Fact]
    public void WithoutARule_ItIsToldThatNoneWouldAllowIt()
    {
        Audit(2, PolicyDirection.Ingress, 0);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, new Frame { Source = Web, Destination = Api }).Audited);
        Assert.Equal((DropReason.PolicyDenied, 0u), (Assert.Single(Told()) is var told ? told.DropReason : 0, told.RuleId));
    }

    [Fact]
    public void BothEnds_AreToldAsTheFirst()
    {
        Audit(1, PolicyDirection.Egress, 4);
        _h.FromContainer(1, new Frame { Source = Web, Destination = Api });
        Assert.Equal((Direction.Egress, (ushort)1, 4u), Assert.Single(Told()) is var told ? (told.Direction, told.EndpointId, told.RuleId) : default);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WorldAndHost_AreToldToo(bool opens)
    {
        Audit(1, PolicyDirection.Egress, 4);
        Outcome outcome = opens ? _h.ToContainer(2, new Frame { Source = World, Destination = Api }) : _h.FromContainer(1, new Frame { Source = Web, Destination = World });
        Assert.Equal((DropReason.None, DropReason.PolicyDenyRule), (outcome.Reason, outcome.Audited));
        Assert.Equal(opens ? (Rule, Direction.Ingress) : (4u, Direction.Egress), Assert.Single(Told()) is var told ? (told.RuleId, told.Direction) : default);
    }

    [Fact]
    public void RuleInAudit_OpensNoDoor()
    {
        _h.AddEndpoint(3, 258, "10.11.0.4", null, isRouted: false);
        _h.SetPolicy(3, ProgramHarness.AllowAll(PolicyDirection.Ingress) with { Audited = new AuditRefusal(true, Rule) });
        Outcome outcome = _h.ToContainer(3, new Frame { Source = World, Destination = "10.11.0.4" });
        Assert.Equal((DropReason.NotRouted, DropReason.None), (outcome.Reason, outcome.Audited));
    }

    [Fact]
    public void WhatIsDeniedAnyway_IsDenied()
    {
        _h.SetPolicy(2, ProgramHarness.Deny(256, PolicyDirection.Ingress, 6, 80, rule: 3));
        Audit(1, PolicyDirection.Egress, 4);
        Outcome outcome = _h.FromContainer(1, new Frame { Source = Web, Destination = Api });
        Assert.Equal((DropReason.PolicyDenyRule, DropReason.None), (outcome.Reason, outcome.Audited));
        Assert.Equal(EventType.Drop, Assert.Single(Told()).Type);
    }

    [Fact]
    public void LiveFlow_IsToldOnceItIsAudited_AndDeniedOnceThatIsEnforced()
    {
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Ingress), ProgramHarness.AllowAll(PolicyDirection.Egress));
        Frame syn = new() { Source = Web, Destination = Api }, next = syn with { TcpFlags = Ack, Sequence = 1005 };
        _h.FromContainer(1, syn);
        Assert.Empty(Told());
        Audit(2, PolicyDirection.Ingress, Rule);
        Assert.Equal((DropReason.None, DropReason.PolicyDenyRule), _h.FromContainer(1, next) is var judged ? (judged.Reason, judged.Audited) : default);
        Assert.Equal(DropReason.None, _h.FromContainer(1, next).Audited);
        Audit(2, PolicyDirection.Ingress, Rule); // another revision, of which nothing is new
        Assert.Equal(DropReason.None, _h.FromContainer(1, next).Audited);
        Assert.Single(Told());
        _h.SetPolicy(2, ProgramHarness.Deny(256, PolicyDirection.Ingress, 6, 80, Rule));
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromContainer(1, next).Reason);
        _h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Ingress));
        Assert.Equal((DropReason.None, DropReason.None), _h.FromContainer(1, next) is var again ? (again.Reason, again.Audited) : default);
        Assert.True((_h.OnlyFlow().Flags & CtFlag.Audited) == 0);
    }

    [Fact]
    public void FlowTakenUpInItsMiddle_IsToldToo()
    {
        Outcome outcome = _h.FromContainer(1, new Frame { Source = Web, Destination = Api, TcpFlags = Ack });
        Assert.Equal((DropReason.None, DropReason.PolicyDenyRule), (outcome.Reason, outcome.Audited));
        Assert.Single(Told());
    }

    [Fact]
    public void Requests_AreAuditedByTheProxy_WhereItCanBe()
    {
        Frame syn = new() { Source = Web, Destination = Api }, next = syn with { TcpFlags = Ack, Sequence = 1005 };
        SetHttp(isAudit: true);
        Assert.Equal(ProgramHarness.Redirect, _h.FromContainer(1, syn).Action); // no proxy: straight to the container
        Assert.Equal((CtFlag)0, _h.OnlyFlow().Flags & CtFlag.Proxy);
        _h.SetProxyPort(40000);
        SetHttp(isAudit: true);
        Assert.Equal(DropReason.None, _h.FromContainer(1, next).Reason); // it began without, and goes on
        Assert.Equal((CtFlag)0, _h.OnlyFlow().Flags & CtFlag.Proxy);
        Assert.Equal(DropReason.None, _h.FromContainer(1, next with { SourcePort = 40001 }).Reason); // in its middle
        Assert.DoesNotContain(_h.Flows(), flow => (flow.Flags & CtFlag.Proxy) != 0);
        Assert.Equal(DropReason.None, _h.FromContainer(1, syn with { SourcePort = 40002 }).Reason);
        Assert.Single(_h.Flows(), flow => (flow.Flags & CtFlag.Proxy) != 0 && flow.HttpIngress == 77);
        SetHttp(isAudit: false);
        Assert.Equal(DropReason.ProxyRequired, _h.FromContainer(1, next).Reason);
    }

    [Fact]
    public void EnforcedEnd_StillNeedsTheProxy()
    {
        SetHttp(isAudit: true);
        _h.SetPolicy(1, new PolicyMapEntry(0, PolicyDirection.Egress, null, 0, 0, true, 3, HttpPolicyId: 78));
        Assert.Equal(DropReason.ProxyUnavailable, _h.FromContainer(1, new Frame { Source = Web, Destination = Api }).Reason);
    }

    private void Audit(uint id, PolicyDirection direction, uint rule) => _h.SetPolicy(
        id,
        ProgramHarness.AllowAll(direction) with { Audited = new AuditRefusal(rule != 0, rule) },
        ProgramHarness.AllowAll(direction == PolicyDirection.Ingress ? PolicyDirection.Egress : PolicyDirection.Ingress));

    private void SetHttp(bool isAudit) => _h.SetPolicy(
        2,
        ProgramHarness.AllowAll(PolicyDirection.Ingress) with { HttpPolicyId = 77, HttpIsAudit = isAudit },
        ProgramHarness.AllowAll(PolicyDirection.Egress));

    private List<Event> Told()
    {
        List<Event> told = [];
        _events.Consume(record => told.Add(MemoryMarshal.Read<Event>(record)));
        return told;
    }
}
