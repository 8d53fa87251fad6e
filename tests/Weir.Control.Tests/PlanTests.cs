// SPDX-License-Identifier: Apache-2.0
using System.Collections.Immutable;
using System.Net;
using Weir.Control.Claims;
using Weir.Control.Host;
using Weir.Control.Policies;
using Weir.Control.Reconciling;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Services;
using Xunit;

namespace Weir.Control.Tests;

public sealed class PlanTests
{
    private static readonly PlanOptions _options = new(DenyResponse.Answer, Masquerade: true);
    private static readonly Network _network = new("n", 1, "net", Internal: false, 1500, [Subnet.WithUsualGateway(IpPrefix.Parse("10.1.0.0/24"))]);
    private static readonly IpPrefix _prefix = IpPrefix.Parse("198.51.100.0/24");

    private World _world = World.Empty with { Networks = World.Empty.Networks.Add("n", _network) };
    private Realized _realized = Realized.Nothing;

    private PolicyLists Lists => new(new PolicyPeers(() => _world));

    [Fact]
    public void NothingToDo_WhenAllIsDone()
    {
        Have(1, "role=web");
        Carry();

        Assert.Empty(Make());
    }

    [Fact]
    public void NewContainer_IsAttachedInHaste_WithoutAMapThatNobodyNeeds()
    {
        Carry();
        Add(new Endpoint { Id = 1, ExternalId = "e1", NetworkId = "n", Ipv4 = IPAddress.Parse("10.1.0.2"), Mac = [2, 0, 0, 0, 0, 1], Created = default, State = EndpointState.Init, Ifindex = 7 });

        Assert.Equal(["Attach", "SetDenyAnswer", "BumpRevision"], Names(Make()));
        Assert.True(Assert.IsType<Step.Attach>(Make()[0]).AtOnce);
    }

    [Fact]
    public void WhoItIs_IsSaidAfterEverybodyKnowsTheNumber()
    {
        Have(1, "role=api");
        Enforce("ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]");
        Add(Endpoint(2, Identity.Init, LabelSet.Empty));
        Carry();

        Have(2, "role=web");

        Assert.Equal(["ApplyPolicies", "SetIdentity", "BumpRevision"], Names(Make()));
        Assert.Equal([1, 2], Assert.IsType<Step.ApplyPolicies>(Make()[0]).Policies.Keys.Order().Select(id => (int)id));
    }

    [Fact]
    public void NewPrefix_IsInEveryMap_BeforeAnAddressHasItsNumber_AndInTheNewOnesAfter()
    {
        Have(1, "role=api");
        Enforce("ingress: [{fromEntities: [world]}]");
        Carry();

        Enforce($"ingress: [{{fromCIDR: [{_prefix}]}}]");

        Assert.Equal(["ApplyPolicies", "PutIpcache", "ApplyPolicies", "Speak", "BumpRevision"], Names(Make()));
    }

    [Fact]
    public void PrefixThatNobodyNames_LosesItsNumber_AfterTheMapsOfTheNewPolicy()
    {
        Have(1, "role=api");
        Enforce($"ingress: [{{fromCIDR: [{_prefix}]}}]");
        Carry();

        Enforce("ingress: [{fromEntities: [world]}]");

        Assert.Equal(["ApplyPolicies", "Speak", "BumpRevision", "RemoveIpcache"], Names(Make()));
    }

    [Fact]
    public void Proxy_KnowsAPolicyBeforeAMapNamesIt_AndForgetsItAfterTheLast()
    {
        Have(1, "role=api");
        Carry();

        Enforce("ingress: [{toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}]}]");
        Assert.Equal(["TellProxy", "ApplyPolicies", "Speak", "BumpRevision"], Names(Make()));
        Carry();

        Enforce("ingress: [{fromEntities: [world]}]");
        Assert.Equal(["ApplyPolicies", "Speak", "BumpRevision", "TellProxy"], Names(Make()));
    }

    [Fact]
    public void WhoeverIsGone_GoesFirst_AndNotWhoseNetworkIsNotKnown()
    {
        Have(1, "role=web");
        Have(2, "role=web");
        Carry();

        _world = _world with { Endpoints = _world.Endpoints.Remove("e1"), Networks = _world.Networks.Clear() };

        Assert.Equal(["Detach", "BumpRevision", "RemoveHost", "RemoveHost", "RemoveHost"], Names(Make()));
    }

    [Fact]
    public void WhatTheHostNeeds_IsThereBeforeWhoNeedsIt()
    {
        Have(1, "role=web");

        Assert.Equal(["PutHost", "PutHost", "PutHost", "Masquerade"], Names(Make()).Take(4));
        Assert.Equal(typeof(HostNeed.Setting), Assert.IsType<Step.PutHost>(Make()[0]).Need.GetType());
    }

    [Fact]
    public void AddressBesideItsOwn_IsMasqueradedBeforeItLeads_AndUntilItLeadsNoMore()
    {
        Have(1, "role=web");
        Carry();

        _world = _world with { Claims = new ClaimPlan([Claim.Of(_world.Endpoints["e1"], IpPrefix.Parse("10.8.0.1/32"))], new Dictionary<string, string>()) };
        Assert.Equal(["Masquerade", "SetClaims", "PutHost", "BumpRevision"], Names(Make()));
        Carry();

        _world = _world with { Claims = ClaimPlan.Empty };
        Assert.Equal(["RemoveHost", "SetClaims", "BumpRevision", "Masquerade"], Names(Make()));
    }

    [Fact]
    public void Frontend_ThatAnotherServiceTakes_IsNeverNobodys_AndNoFlowIsJudgedAgain()
    {
        Carry();
        var frontend = new Frontend(IPAddress.Parse("203.0.113.1"), 80, IpProtocol.Tcp);
        Serve("z", frontend);
        Assert.Equal(["Serve"], Names(Make()));
        Carry();

        _world = _world with { Services = _world.Services.Clear() };
        Serve("a", frontend);

        Assert.Equal(["Serve", "StopServing"], Names(Make()));
    }

    [Fact]
    public void SourceThatIsBarred_IsForEveryPacket_AndNoFlowIsJudgedAgain()
    {
        Have(1, "role=web");
        Carry();
        _world = _world with { Prefilter = [_prefix] };

        Assert.Equal([_prefix], Assert.IsType<Step.SetPrefilter>(Assert.Single(Make())).Prefixes);
        Carry();
        Assert.Empty(Make());
        _realized = _realized.InDoubt(new Step.SetPrefilter([]));
        Assert.Equal(["SetPrefilter"], Names(Make()));
    }

    [Fact]
    public void DoorThatOpens_HasFlowsJudgedAgain()
    {
        Have(1, "role=web");
        Add(_world.Endpoints["e1"] with { Name = "web", Published = [new PublishedPort(IpProtocol.Tcp, 80, null, 8080)] });
        Carry();

        _world = _world with { Allowances = [new PublishAllowance("web", 8080, IpProtocol.Tcp, [_prefix])] };

        Assert.Equal(["SetDoors", "BumpRevision"], Names(Make()));
    }

    [Fact]
    public void RestOfAPlan_IsThePlanAfterAnyOfItsSteps()
    {
        Have(1, "role=api");
        Enforce("ingress: [{fromEntities: [world]}]");
        Carry();
        Have(2, "role=web");
        Enforce($"ingress: [{{fromCIDR: [{_prefix}]}}]");

        for (IReadOnlyList<Step> plan = Make(); plan.Count > 0; plan = Make())
        {
            _realized = _realized.After(plan[0]);
            string[] rest = [.. Names(Make()).Where(name => name != "BumpRevision")];
            Assert.Equal(Names(plan).Skip(1).Where(name => name != "BumpRevision"), rest);
        }
    }

    private static IEnumerable<string> Names(IEnumerable<Step> steps) => steps.Select(step => step.GetType().Name);

    private static Endpoint Endpoint(ushort id, Identity identity, LabelSet labels) => new()
    {
        Id = id,
        ExternalId = $"e{id}",
        NetworkId = "n",
        Ipv4 = IPAddress.Parse($"10.1.0.{id + 1}"),
        Mac = [2, 0, 0, 0, 0, (byte)id],
        Created = default,
        State = identity == Identity.Init ? EndpointState.Init : EndpointState.Ready,
        Identity = identity,
        Labels = labels,
        Ifindex = 100 + id,
        Program = "built",
    };

    private void Serve(string name, Frontend frontend) =>
        _world = _world with { Services = _world.Services.Add(name, new Service(new ServiceSpec { Name = name, Frontends = [frontend] }, IsPublished: false)) };

    private IReadOnlyList<Step> Make() => Plan.Of(_world, _realized, Lists, _options);

    private void Carry() => _realized = Make().Aggregate(_realized, (realized, step) => realized.After(step));

    private void Add(Endpoint endpoint) => _world = _world with { Endpoints = _world.Endpoints.SetItem(endpoint.ExternalId, endpoint) };

    private void Have(ushort id, string label)
    {
        LabelSet labels = LabelSet.Parse($"container:{label}");
        if (!_world.NumbersOfLabels.TryGetValue(labels, out Identity identity))
        {
            identity = new Identity(Identity.FirstAllocated + (uint)_world.Identities.Count);
            _world = _world with { Identities = _world.Identities.Add(identity, labels), NumbersOfLabels = _world.NumbersOfLabels.Add(labels, identity) };
        }

        Add(Endpoint(id, identity, labels));
    }

    /// <summary>A policy for role=api.</summary>
    private void Enforce(string body)
    {
        PolicyReadResult read = PolicyReader.Read("p.yaml", $$$"""
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: p}
            spec:
              endpointSelector: {matchLabels: {role: api}}
              {{{body}}}
            """);
        Assert.False(read.HasErrors, string.Join("; ", read.Problems));
        var engine = new PolicyEngine(PolicySet.Empty.With(read.Documents), EnforcementMode.Default);
        ImmutableDictionary<IpPrefix, Identity> cidrs = engine.Set.CidrPrefixes.ToImmutableDictionary(prefix => prefix, _ => Identity.ForCidr(1));
        _world = _world with { Engine = engine, Cidrs = cidrs, Prefixes = cidrs.ToImmutableDictionary(cidr => cidr.Value, cidr => cidr.Key) };
    }
}
