// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Weir.Control.Host;
using Weir.Control.Identities;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Patterns;
using Weir.Http.Rules;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Policies;

/// <summary>The policy in force: keeps it, compiles it, and brings it into the datapath. Called on the writer's thread;
/// what only tells may be asked from any.</summary>
internal sealed class PolicyManager
{
    /// <summary>Entries of one endpoint's policy map.</summary>
    internal const int MostEntries = 16384;

    private const string Key = "policies";
    private const int MostRetiredRules = 4096;
    private const int MostPrefixes = 120_000; // of the ipcache's 131072; the rest is for hosts

    private readonly IStore _store;
    private readonly Datapath.Datapath _datapath;
    private readonly IHttpProxy _proxy;
    private readonly IdentityAllocator _identities;
    private readonly HostAddresses _host;
    private readonly HostSettings _settings;
    private readonly Func<IEnumerable<Endpoint>> _endpoints;
    private readonly ControlOptions _options;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<ushort, IReadOnlyList<PolicyMapEntry>> _applied = [];
    private readonly ConcurrentDictionary<uint, Api.RuleInfo> _retired = [];
    private readonly Queue<uint> _retiredOrder = [];
    private volatile PolicyEngine _engine;
    private volatile Dictionary<uint, HttpPolicy> _http = []; // never changed, only replaced

    /// <param name="endpoints">Those with a program.</param>
    internal PolicyManager(
        Writer writer, IStore store, Datapath.Datapath datapath, IHttpProxy proxy, IdentityAllocator identities, HostAddresses host, HostSettings settings,
        Func<IEnumerable<Endpoint>> endpoints, ControlOptions options, ILogger log)
    {
        _store = store;
        _datapath = datapath;
        _proxy = proxy;
        _identities = identities;
        _host = host;
        _settings = settings;
        _endpoints = endpoints;
        _options = options;
        _log = log;
        Peers = new PolicyPeers(() => writer.World);
        _engine = new PolicyEngine(Restore(), options.Enforcement);
    }

    /// <summary>Answers for what is in force.</summary>
    internal PolicyEngine Engine => _engine;

    internal PolicySet Set => Engine.Set;

    internal PolicyPeers Peers { get; }

    /// <summary>The rule of that number, also if it went lately.</summary>
    internal Api.RuleInfo? FindRule(uint id) => Set.FindRule(id)?.ToInfo() ?? _retired.GetValueOrDefault(id);

    /// <summary>An HTTP policy in force, by its number.</summary>
    internal HttpPolicy? FindHttpPolicy(uint id) => _http.GetValueOrDefault(id);

    internal int EntriesOf(ushort endpointId) => _applied.GetValueOrDefault(endpointId)?.Count ?? 0;

    /// <summary>Whether nothing would change.</summary>
    internal bool IsInForce(PolicySet set) =>
        set.Documents.Count == Set.Documents.Count
        && set.Documents.Zip(Set.Documents).All(pair => pair.First.Key == pair.Second.Key
            && pair.First.Text == pair.Second.Text
            && pair.First.SourceFile == pair.Second.SourceFile
            && pair.First.FirstLine == pair.Second.FirstLine);

    /// <summary>Puts a policy in force and keeps it; what does not fit changes nothing.</summary>
    /// <returns>Endpoints whose map changed.</returns>
    internal int Enforce(PolicySet set)
    {
        int changed = Enforce(set, () => Keep(set));
        Log.PolicyApplied(_log, _datapath.Revision, set.Rules.Count, set.Documents.Count, changed);
        return changed;
    }

    /// <summary>Brings what was kept into the datapath, after the agent's start.</summary>
    internal int Enforce() => Enforce(Set, () => { });

    /// <summary>Compiles again for all, since identities came or went. Raise the revision afterwards.</summary>
    internal int Refresh() => ApplyChanged(Engine, Compile(Engine));

    /// <summary>Gives one endpoint its policy. Raise the revision afterwards.</summary>
    /// <remarks>A change of the maps waits some 10 ms for running programs. An endpoint without a map is
    /// denied everything: what no rule concerns, as most often "init", needs none.</remarks>
    internal void ApplyTo(Endpoint endpoint)
    {
        SetDenyAnswer(Engine, endpoint);
        Endpoint? twin = _endpoints().FirstOrDefault(other =>
            other.Identity == endpoint.Identity && other.Id != endpoint.Id && _applied.ContainsKey(other.Id));
        IReadOnlyList<PolicyMapEntry> entries = twin is null
            ? Engine.Compile(Peers.Of(endpoint), Peers.All())
            : _applied[twin.Id];
        if (endpoint.Identity != Identity.Init || _applied.ContainsKey(endpoint.Id) || entries.Any(entry => entry.RuleId != 0))
        {
            ApplyChanged(Engine, new Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> { [endpoint.Id] = entries });
        }
    }

    /// <summary>The endpoint is gone.</summary>
    internal void Forget(ushort endpointId) => _applied.TryRemove(endpointId, out _);

    private int Enforce(PolicySet set, Action keep)
    {
        if (set.CidrPrefixes.Count > MostPrefixes)
        {
            throw new ControlException($"the policy names {set.CidrPrefixes.Count} prefixes: {MostPrefixes} fit; nothing was changed");
        }

        var engine = new PolicyEngine(set, _options.Enforcement);
        IpPrefix[] added = [.. set.CidrPrefixes.Where(prefix => _identities.FindCidr(prefix) is null)];
        IpPrefix[] gone = [.. _identities.Cidrs.Keys.Where(prefix => !set.CidrPrefixes.Contains(prefix))];
        IpcacheRow[] rows = [.. _identities.AddCidrs(added).Select(cidr => new IpcacheRow(cidr.Prefix, cidr.Identity))];
        Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> compiled;
        try
        {
            compiled = Compile(engine);
            CheckSizes(compiled);
            CheckHttp(engine, compiled);
        }
        catch
        {
            _identities.RemoveCidrs(added);
            throw;
        }

        int changed;
        try
        {
            if (rows.Length > 0)
            {
                // The old policy learns the new numbers before addresses get them: no packet between is lost.
                ApplyChanged(Engine, Compile(Engine));
                _datapath.SetIpcache([.. rows.Where(row => !_host.Covers(row.Prefix))]);
            }

            changed = ApplyChanged(engine, compiled);

            // Only what the kernel has taken is kept: the next start must not meet what it refuses.
            keep();
        }
        catch
        {
            Revert(compiled.Keys, added);
            throw;
        }

        Retire(set);
        _engine = engine;
        _datapath.BumpRevision();
        foreach (IpPrefix prefix in gone)
        {
            if (!_host.Covers(prefix))
            {
                _datapath.RemoveIpcache(prefix);
            }
        }

        _identities.RemoveCidrs(gone);

        return changed;
    }

    /// <summary>Brings back what was in force before a change that failed half-way.</summary>
    private void Revert(IEnumerable<ushort> touched, IReadOnlyCollection<IpPrefix> added)
    {
        foreach (ushort id in touched)
        {
            _applied.TryRemove(id, out _); // who knows
        }

        try
        {
            ApplyChanged(Engine, Compile(Engine));
            foreach (IpPrefix prefix in added.Where(prefix => !_host.Covers(prefix)))
            {
                _datapath.RemoveIpcache(prefix);
            }
        }
        catch (Exception e) when (e is LinuxException or DatapathException)
        {
            Log.Failed(_log, "bringing back the policy of before", e.Message);
        }

        _identities.RemoveCidrs(added);
        _datapath.BumpRevision();
    }

    /// <summary>Endpoints of one identity share one list.</summary>
    private Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> Compile(PolicyEngine engine)
    {
        ILookup<PolicyPeer, ushort> byPeer = _endpoints().ToLookup(Peers.Of, endpoint => endpoint.Id);
        PolicyPeer[] subjects = [.. byPeer.Select(group => group.Key)];
        IReadOnlyList<IReadOnlyList<PolicyMapEntry>> lists = engine.CompileAll(subjects, Peers.All());
        Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> compiled = [];
        for (int i = 0; i < subjects.Length; i++)
        {
            foreach (ushort id in byPeer[subjects[i]])
            {
                compiled[id] = lists[i];
            }
        }

        return compiled;
    }

    private int ApplyChanged(PolicyEngine engine, Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> compiled)
    {
        EnforceHttp(engine, compiled);
        foreach (Endpoint endpoint in _endpoints().Where(endpoint => compiled.ContainsKey(endpoint.Id)))
        {
            SetDenyAnswer(engine, endpoint);
        }

        Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> changed = compiled
            .Where(policy => !_applied.TryGetValue(policy.Key, out IReadOnlyList<PolicyMapEntry>? old)
                || (!ReferenceEquals(old, policy.Value) && !old.SequenceEqual(policy.Value)))
            .ToDictionary();
        _datapath.ApplyPolicies(changed);
        foreach ((ushort id, IReadOnlyList<PolicyMapEntry> entries) in changed)
        {
            _applied[id] = entries;
        }

        return changed.Count;
    }

    /// <summary>The world is answered only where a policy asks for it.</summary>
    private void SetDenyAnswer(PolicyEngine engine, Endpoint endpoint) => _datapath.SetDenyAnswer(
        endpoint.Id,
        engine.DenyResponseOf(Peers.Of(endpoint)) switch
        {
            DenyResponse.Answer => DenyAnswer.All,
            DenyResponse.Drop => DenyAnswer.Nobody,
            _ => _options.DenyResponse == DenyResponse.Answer ? DenyAnswer.Local : DenyAnswer.Nobody,
        });

    /// <summary>The proxy knows a policy before a packet can be sent to it under that policy.</summary>
    private void EnforceHttp(PolicyEngine engine, Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> compiled)
    {
        IEnumerable<uint> unchanged = _applied.Where(policy => !compiled.ContainsKey(policy.Key)).SelectMany(policy => HttpOf(policy.Value));
        Dictionary<uint, HttpPolicy> http = compiled.Values.SelectMany(HttpOf).Distinct().ToDictionary(id => id, engine.FindHttpPolicy);
        foreach (uint id in unchanged)
        {
            http.TryAdd(id, _http[id]);
        }

        if (http.Count != _http.Count || http.Keys.Any(id => !_http.ContainsKey(id)))
        {
            if (http.Count > 0)
            {
                ProxyRouting.AcceptFromLoopback(_settings);
                ProxyRouting.LetForwardedPacketsThrough(_settings);
            }

            _proxy.Enforce(http.Values);
            _http = http;
        }
    }

    private static IEnumerable<uint> HttpOf(IReadOnlyList<PolicyMapEntry> entries) =>
        entries.Where(entry => entry.HttpPolicyId != 0).Select(entry => entry.HttpPolicyId);

    /// <summary>What the proxy could not compile is refused here, where somebody reads it.</summary>
    private void CheckHttp(PolicyEngine engine, Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> compiled)
    {
        foreach (uint id in compiled.Values.SelectMany(HttpOf).Distinct().Where(id => !_http.ContainsKey(id)))
        {
            try
            {
                _ = new HttpRuleSet(engine.FindHttpPolicy(id).Allowances);
            }
            catch (PatternException e)
            {
                throw new ControlException($"{HttpPlaces.Of(engine, engine.FindHttpPolicy(id))}{e.Message}; nothing was changed");
            }
        }
    }

    private void CheckSizes(Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> compiled)
    {
        foreach (Endpoint endpoint in _endpoints())
        {
            if (compiled[endpoint.Id].Count is var count and > MostEntries)
            {
                throw new ControlException(
                    $"endpoint {endpoint.Id} ({endpoint.Name}) would need {count} policy entries: {MostEntries} fit; nothing was changed. Name fewer peers or wider port ranges");
            }
        }
    }

    private void Retire(PolicySet set)
    {
        // Late events name them: what they were, not their documents, which would be kept with them.
        foreach (Rule rule in Set.Rules.Where(rule => set.FindRule(rule.Id) is null).TakeLast(MostRetiredRules))
        {
            _retired[rule.Id] = rule.ToInfo();
            _retiredOrder.Enqueue(rule.Id);
        }

        while (_retiredOrder.Count > MostRetiredRules)
        {
            _retired.TryRemove(_retiredOrder.Dequeue(), out _);
        }
    }

    private void Keep(PolicySet set) => _store.Put(
        Key,
        new KeptPolicies(set.NextRuleId, [.. set.Documents.Select(document =>
            new KeptPolicy(document.SourceFile, document.FirstLine, document.Rules.Count > 0 ? document.Rules[0].Id : 0, document.Text, document.AppliedBy, document.AppliedAt))]),
        StateContext.Default.KeptPolicies);

    private PolicySet Restore()
    {
        KeptPolicies? kept = _store.Get(Key, StateContext.Default.KeptPolicies);
        List<(PolicyDocument, uint)> documents = [];
        foreach (KeptPolicy policy in kept?.Documents ?? [])
        {
            PolicyReadResult result = PolicyReader.Read(policy.SourceFile, policy.Text, policy.FirstLine, isKept: true);
            if (result.HasErrors)
            {
                throw new ControlException($"the kept policy cannot be read by this version: {result.Problems.First(problem => problem.IsError)}");
            }

            documents.AddRange(result.Documents.Select(document => (document with { AppliedBy = policy.AppliedBy ?? "", AppliedAt = policy.AppliedAt }, policy.FirstRuleId)));
        }

        return PolicySet.Restore(documents, kept?.NextRuleId ?? 1);
    }
}
