// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Weir.Control.Cluster;
using Weir.Control.Host;
using Weir.Control.Publishing;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy;
using Weir.Services;

namespace Weir.Control.Reconciling;

/// <summary>What is to be done, and in which order, so that kernel, host and proxy are as the <see cref="World"/> says. Pure: the same
/// world and the same <see cref="Realized"/> make the same plan, and a plan made after any of its steps is the rest of it.
/// The rules of order live here alone:
/// <list type="number">
/// <item>Whoever is gone goes first: his addresses may be another's already.</item>
/// <item>The proxy knows a policy before a map names it, and forgets it after the last.</item>
/// <item>Every map has its decisions for a number before an address or an endpoint gets the number; the old policy's where it
/// is still in force then.</item>
/// <item>An address loses its number after the maps of the new policy are in place.</item>
/// <item>What the host needs is there before who needs it, and goes after him; nothing leads to who is gone.</item>
/// <item>What leaves the host has the host's address from before it may leave until after it may not.</item>
/// <item>A name leads to an address after all is known of it; names that are gone make room for others.</item>
/// <item>A service is served after its backends are there; a frontend that another takes over is never nobody's.</item>
/// <item>Flows are judged again when all that judges them is there.</item>
/// </list></summary>
internal sealed class Plan
{
    private readonly World _world;
    private readonly PolicyLists _lists;
    private readonly List<Step> _steps = [];
    private Realized _realized;

    private Plan(World world, Realized realized, PolicyLists lists)
    {
        _world = world;
        _realized = realized;
        _lists = lists;
    }

    /// <param name="lists">Remembers what was compiled; changes nothing of what comes out.</param>
    /// <returns>In their order; empty: all is as it should be.</returns>
    internal static IReadOnlyList<Step> Of(World world, Realized realized, PolicyLists lists, PlanOptions options)
    {
        var plan = new Plan(world, realized, lists);
        plan.Make(options);
        return plan._steps;
    }

    private void Make(PlanOptions options)
    {
        Dictionary<ushort, (Endpoint Endpoint, EndpointAttachment Attachment)> wanted = [];
        foreach (Endpoint endpoint in _world.Attached)
        {
            // One whose network's record is lost stays as it is.
            if (_world.Networks.GetValueOrDefault(endpoint.NetworkId) is { } network)
            {
                wanted[endpoint.Id] = (endpoint, Attachments.Of(endpoint, network, _world.IsRouted(network)));
            }
        }

        Endpoint[] endpoints = [.. wanted.Values.Select(one => one.Endpoint).OrderBy(endpoint => endpoint.Id)];
        HostNeed[] host = [.. HostNeed.Of(_world)];
        IpPrefix[] untranslated = [.. RemoteParts.UntranslatedOf(_world)];
        NodeRow[] nodes = [.. RemoteParts.NodesOf(_world)];
        IpPrefix[] masqueraded = options.Masquerade ? [.. HostNeed.MasqueradedOf(_world)] : [];
        RemoveFromHost(host.OfType<HostNeed.ClaimRoute>(), _realized.Host.OfType<HostNeed.ClaimRoute>());
        RemoveGone(wanted.ToDictionary(one => one.Key, one => one.Value.Attachment));
        PutIntoHost(host.Where(need => need is not HostNeed.ClaimRoute));
        bool isAllKnown = _world.Attached.All(endpoint => _world.Networks.ContainsKey(endpoint.NetworkId));
        if (isAllKnown || _realized.Masqueraded is not null)
        {
            Masquerade([.. masqueraded.Union(_realized.Masqueraded ?? []).Order()], untranslated);
        }

        bool needsOverlay = RemoteParts.NeedsOverlay(_world);
        if (needsOverlay)
        {
            SetOverlay(isOn: true);
        }

        SetNodes([.. nodes, .. (_realized.Nodes ?? []).Where(known => nodes.All(node => node.Id != known.Id))]);
        ImmutableDictionary<IpPrefix, Behind> ipcache = _lists.IpcacheOf(_world);
        PutIpcache(ipcache, endpoints);
        ApplyPolicies(_world.Engine, endpoints);
        if (_realized.Engine != _world.Engine)
        {
            Add(new Step.Speak(_world.Engine));
        }

        foreach (Endpoint endpoint in endpoints)
        {
            Bring(endpoint, wanted[endpoint.Id].Attachment, options);
        }

        ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>> names = _lists.NamesOf(_world);
        RemoveNames(names);
        PutNames(names);
        Bar();
        Lead();
        PutIntoHost(host);
        OpenDoors();
        Serve();
        if (_steps.Exists(IsForFlows))
        {
            Add(new Step.BumpRevision());
        }

        RemoveIpcache(ipcache);
        SetNodes([.. nodes]);
        SetOverlay(needsOverlay);
        RemoveFromHost(host, _realized.Host);
        if (isAllKnown)
        {
            // Else some have maps that name policies of before, and are masqueraded, of whose network the record is lost.
            ForgetHttp(endpoints);
            Masquerade(masqueraded, untranslated);
        }
    }

    /// <summary>Whether flows that are known have to be judged again after it.</summary>
    private static bool IsForFlows(Step step) => step is not (Step.SetDenyAnswer or Step.PutHost or Step.RemoveHost or Step.Masquerade or Step.SetPrefilter or Step.SetNodes or Step.SetOverlay or Step.PutNames or Step.RemoveNames or Step.Serve or Step.LetGo or Step.StopServing);

    private void PutIntoHost(IEnumerable<HostNeed> wanted)
    {
        foreach (HostNeed need in wanted.Where(need => !_realized.Host.Contains(need)))
        {
            Add(new Step.PutHost(need));
        }
    }

    private void RemoveFromHost(IEnumerable<HostNeed> wanted, IEnumerable<HostNeed> present)
    {
        HashSet<HostNeed> kept = [.. wanted];
        foreach (HostNeed need in present.Where(need => !kept.Contains(need)).OrderBy(need => need.ToString(), StringComparer.Ordinal))
        {
            Add(new Step.RemoveHost(need));
        }
    }

    private void Masquerade(IpPrefix[] ranges, IpPrefix[] untranslated)
    {
        if (_realized.Masqueraded is not { } known || !known.SequenceEqual(ranges) || !_realized.Untranslated.SequenceEqual(untranslated))
        {
            Add(new Step.Masquerade(ranges, untranslated));
        }
    }

    private void Bar()
    {
        if (!ReferenceEquals(_realized.Prefilter, _world.Prefilter) && _realized.Prefilter?.SetEquals(_world.Prefilter) != true)
        {
            Add(new Step.SetPrefilter(_world.Prefilter));
        }
    }

    private void SetOverlay(bool isOn)
    {
        if (_realized.HasOverlay != isOn)
        {
            Add(new Step.SetOverlay(isOn));
        }
    }

    private void SetNodes(ImmutableHashSet<NodeRow> rows)
    {
        if (_realized.Nodes is not { } known ? rows.Count > 0 : !known.SetEquals(rows))
        {
            Add(new Step.SetNodes(rows));
        }
    }

    private void Lead()
    {
        ClaimRow[] wanted = [.. _world.Claims.Granted.Select(claim => new ClaimRow(claim.Prefix, claim.EndpointId))];
        if (_realized.Claims is not { } known || !known.SetEquals(wanted))
        {
            Add(new Step.SetClaims([.. wanted]));
        }
    }

    private void OpenDoors()
    {
        PublishRow[] wanted = [.. DoorRules.RowsOf(_world)];
        if (_realized.Doors is not { } known || !known.SetEquals(wanted))
        {
            Add(new Step.SetDoors([.. wanted]));
        }
    }

    /// <summary>Who takes over a frontend has it before who had it lets go.</summary>
    private void Serve()
    {
        foreach (Service service in _world.Services.Values)
        {
            if (_realized.Services.GetValueOrDefault(service.Name)?.Service is not { } known || !known.IsServedAs(service))
            {
                Add(new Step.Serve(service));
            }
        }

        foreach ((string name, Served served) in _realized.Services.OrderBy(known => known.Key, StringComparer.Ordinal).ToList())
        {
            Service? wanted = _world.Services.GetValueOrDefault(name);
            Frontend[] left = [.. served.Frontends.Except(wanted?.Spec.Frontends ?? [])];
            if (wanted is null)
            {
                Add(new Step.StopServing(name, TakersOf(left)));
            }
            else if (left.Length > 0)
            {
                Add(new Step.LetGo(wanted, TakersOf(left)));
            }
        }
    }

    private string[] TakersOf(Frontend[] frontends) =>
        frontends.Length == 0 ? [] : [.. _world.Services.Values.Where(service => service.Spec.Frontends.Intersect(frontends).Any()).Select(service => service.Name)];

    private void RemoveGone(Dictionary<ushort, EndpointAttachment> wanted)
    {
        foreach (EndpointAttachment known in _realized.Endpoints.Values.OrderBy(known => known.Id))
        {
            bool isKept = wanted.TryGetValue(known.Id, out EndpointAttachment? now)
                ? Attachments.IsSameOwner(known, now)
                : _world.Attached.Any(endpoint => endpoint.Id == known.Id);
            if (!isKept)
            {
                Add(new Step.Detach(known.Id, [.. known.Addresses]));
            }
        }
    }

    private void PutIpcache(ImmutableDictionary<IpPrefix, Behind> wanted, Endpoint[] endpoints)
    {
        if (ReferenceEquals(wanted, _realized.Ipcache))
        {
            return;
        }

        IpcacheRow[] rows =
        [
            .. wanted.Where(row => !_realized.Ipcache.TryGetValue(row.Key, out Behind? known) || known != row.Value)
                .Select(row => new IpcacheRow(row.Key, row.Value.Identity, row.Value.NetworkId, row.Value.Node)).OrderBy(row => row.Prefix),
        ];
        if (rows.Length == 0)
        {
            return;
        }

        if (rows.Any(row => row.Identity.IsLabelSet || (row.Identity.IsCidr && _realized.Engine != _world.Engine)))
        {
            // The old policy learns the new numbers before addresses get them: no packet between is lost.
            ApplyPolicies(_realized.Engine ?? _world.Engine, endpoints);
        }

        Add(new Step.PutIpcache(rows));
    }

    private void RemoveIpcache(ImmutableDictionary<IpPrefix, Behind> wanted)
    {
        if (ReferenceEquals(wanted, _realized.Ipcache))
        {
            return;
        }

        IpPrefix[] gone = [.. _realized.Ipcache.Keys.Where(prefix => !wanted.ContainsKey(prefix)).Order()];
        if (gone.Length > 0)
        {
            Add(new Step.RemoveIpcache(gone));
        }
    }

    private void PutNames(ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>> wanted)
    {
        if (ReferenceEquals(wanted, _realized.Names))
        {
            return;
        }

        NameRow[] rows =
        [
            .. wanted.Where(row => !_realized.Names.TryGetValue(row.Key, out IReadOnlyList<IPAddress>? known) || (!ReferenceEquals(known, row.Value) && !known.SequenceEqual(row.Value)))
                .Select(row => new NameRow(row.Key, row.Value)).OrderBy(row => row.Name.NetworkId).ThenBy(row => $"{row.Name.Name}", StringComparer.Ordinal),
        ];
        if (rows.Length > 0)
        {
            Add(new Step.PutNames(rows));
        }
    }

    private void RemoveNames(ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>> wanted)
    {
        if (ReferenceEquals(wanted, _realized.Names))
        {
            return;
        }

        NetworkName[] gone = [.. _realized.Names.Keys.Where(name => !wanted.ContainsKey(name)).OrderBy(name => name.NetworkId).ThenBy(name => $"{name.Name}", StringComparer.Ordinal)];
        if (gone.Length > 0)
        {
            Add(new Step.RemoveNames(gone));
        }
    }

    private void ApplyPolicies(PolicyEngine engine, Endpoint[] endpoints)
    {
        Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> changed = [];
        foreach (Endpoint endpoint in endpoints)
        {
            IReadOnlyList<PolicyMapEntry> entries = _lists.Of(engine, _world, endpoint).Entries;
            bool isKnown = _realized.Policies.TryGetValue(endpoint.Id, out IReadOnlyList<PolicyMapEntry>? known);
            if (isKnown ? !ReferenceEquals(entries, known) && !entries.SequenceEqual(known!) : NeedsMap(endpoint, entries))
            {
                changed[endpoint.Id] = entries;
            }
        }

        if (changed.Count == 0)
        {
            return;
        }

        ImmutableDictionary<uint, HttpPolicy> http = _realized.Http;
        foreach (uint id in changed.Values.Distinct().SelectMany(HttpOf).Distinct())
        {
            if (!http.ContainsKey(id))
            {
                http = http.Add(id, engine.FindHttpPolicy(id));
            }
        }

        if (http != _realized.Http || (_realized.IsProxyInDoubt && !http.IsEmpty))
        {
            Add(new Step.TellProxy(http));
        }

        Add(new Step.ApplyPolicies(changed));
    }

    /// <summary>An endpoint without a map is denied everything. What no rule concerns, as most often "init", needs none: a
    /// change of the maps waits some 10 ms for running programs, and its container with it.</summary>
    private static bool NeedsMap(Endpoint endpoint, IReadOnlyList<PolicyMapEntry> entries) =>
        endpoint.Identity != Identity.Init || entries.Any(entry => entry.RuleId != 0);

    private void Bring(Endpoint endpoint, EndpointAttachment wanted, PlanOptions options)
    {
        if (!_realized.Endpoints.TryGetValue(endpoint.Id, out EndpointAttachment? known) || !Attachments.IsSame(known, wanted))
        {
            Add(new Step.Attach(wanted, AtOnce: endpoint.Program.Length == 0));
        }
        else if (known.Identity != wanted.Identity)
        {
            Add(new Step.SetIdentity(endpoint.Id, wanted.Identity));
        }

        if (_realized.Endpoints[endpoint.Id].Routed != wanted.Routed)
        {
            Add(new Step.SetRouted(endpoint.Id, wanted.Routed));
        }

        DenyAnswer answer = _lists.Of(_world.Engine, _world, endpoint).Response switch
        {
            DenyResponse.Answer => DenyAnswer.All,
            DenyResponse.Drop => DenyAnswer.Nobody,
            // The world is answered only where a policy asks for it.
            _ => options.DenyResponse == DenyResponse.Answer ? DenyAnswer.Local : DenyAnswer.Nobody,
        };
        if (!_realized.DenyAnswers.TryGetValue(endpoint.Id, out DenyAnswer before) || before != answer)
        {
            Add(new Step.SetDenyAnswer(endpoint.Id, answer));
        }
    }

    private void ForgetHttp(Endpoint[] endpoints)
    {
        if (_realized.Http.IsEmpty && !_realized.IsProxyInDoubt)
        {
            return;
        }

        HashSet<uint> needed = [.. endpoints.Select(endpoint => _realized.Policies.GetValueOrDefault(endpoint.Id)).OfType<IReadOnlyList<PolicyMapEntry>>().Distinct().SelectMany(HttpOf)];
        if (needed.Count < _realized.Http.Count || _realized.IsProxyInDoubt)
        {
            Add(new Step.TellProxy(_realized.Http.RemoveRange(_realized.Http.Keys.Where(id => !needed.Contains(id))), Forgets: true));
        }
    }

    private static IEnumerable<uint> HttpOf(IReadOnlyList<PolicyMapEntry> entries) =>
        entries.Where(entry => entry.HttpPolicyId != 0).Select(entry => entry.HttpPolicyId);

    private void Add(Step step)
    {
        _steps.Add(step);
        _realized = _realized.After(step);
    }
}
