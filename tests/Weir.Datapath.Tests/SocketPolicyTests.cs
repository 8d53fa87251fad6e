// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>What policy surely denies fails at connect(). The container has no route: whoever is not refused by the
/// hook hears that from its own stack.</summary>
public sealed class SocketPolicyTests : IDisposable
{
    private const string NoRoute = "ENETUNREACH";
    private readonly SocketHost _host = new();

    public SocketPolicyTests()
    {
        _host.AddEndpoint(1, ["10.11.0.2", "fd00:11::2"], DenyAnswer.Local);
        _host.AddEndpoint(2, ["10.11.0.3", "fd00:11::3"], DenyAnswer.Local);
        _host.Datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [1] = [All(PolicyDirection.Egress)], [2] = [] });
        _host.KnowContainer(areAll: true);
        _host.Attach();
    }

    public void Dispose() => _host.Dispose();

    [PrivilegedTheory]
    [InlineData("TCP", "10.11.0.3", "ECONNREFUSED")]
    [InlineData("TCP", "fd00:11::3", "ECONNREFUSED")]
    [InlineData("TCP", "::ffff:10.11.0.3", "ECONNREFUSED")]
    [InlineData("UDP", "10.11.0.3", "EHOSTUNREACH")]
    [InlineData("UDP", "fd00:11::3", "EHOSTUNREACH")]
    public void DeniedConnect_Fails_UntilPolicyAllowsIt(string kind, string address, string error)
    {
        Assert.Equal(error, Connect(kind, address));
        Assert.Equal(1UL, _host.Denied(Direction.Ingress));
        _host.Datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [2] = [All(PolicyDirection.Ingress)] });
        Assert.Equal(NoRoute, Connect(kind, address));
    }

    [PrivilegedTheory]
    [InlineData("TCP")]
    [InlineData("UDP")]
    public void WhatRulesInAuditWouldDeny_DoesNotFail(string kind)
    {
        PolicyMapEntry audited = All(PolicyDirection.Ingress) with { Audited = new AuditRefusal(false, 0) };
        _host.Datapath.ApplyPolicies(new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [2] = [audited] });
        Assert.Equal([audited], _host.Datapath.ListPolicy(2));
        Assert.Equal(NoRoute, Connect(kind, "10.11.0.3"));
        Assert.Equal(0UL, _host.Denied(Direction.Ingress));
    }

    [PrivilegedFact]
    public void OwnEgress_IsJudgedFirst()
    {
        _host.Datapath.RemovePolicy(1);
        Assert.Equal("ECONNREFUSED", Connect("TCP", "10.11.0.3"));
        Assert.Equal((1UL, 0UL), (_host.Denied(Direction.Egress), _host.Denied(Direction.Ingress)));
    }

    [PrivilegedTheory]
    [InlineData("192.0.2.77")] // no endpoint: its way is not known here
    [InlineData("10.11.0.2")] // the container itself
    public void WhatIsNotSure_IsLeftToItsPackets(string address)
    {
        _host.Datapath.RemovePolicy(1);
        Assert.Equal(NoRoute, Connect("TCP", address));
    }

    [PrivilegedFact]
    public void ReceiverThatAnswersNobody_IsSilentHereToo()
    {
        _host.AddEndpoint(2, [], DenyAnswer.Nobody);
        Assert.Equal(NoRoute, Connect("TCP", "10.11.0.3"));
    }

    [PrivilegedFact]
    public void SocketsOfOthers_AreNotJudged()
    {
        _host.KnowContainer(areAll: true, isKnown: false);
        Assert.Equal(NoRoute, Connect("TCP", "10.11.0.3"));
    }

    private static PolicyMapEntry All(PolicyDirection direction) => new(0, direction, null, 0, 0, true, 0);

    private string Connect(string kind, string address) => _host.Python(
        $"""
        try:
            with new({kind}, '{address}') as s:
                s.connect(('{address}', 80))
                print('open')
        except OSError as e:
            print(errno.errorcode[e.errno])
        """,
        _host.Container).Single();
}
