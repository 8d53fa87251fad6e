// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Weir.Control.Identities;
using Weir.Control.Reconciling;
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

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly IdentityAllocator _identities;
    private readonly Reconciler _reconciler;
    private readonly PolicyLists _lists;
    private readonly ControlOptions _options;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<uint, Api.RuleInfo> _retired = [];
    private readonly Queue<uint> _retiredOrder = [];

    internal PolicyManager(
        Writer writer, IStore store, IdentityAllocator identities, PolicyPeers peers, Reconciler reconciler, PolicyLists lists, ControlOptions options, ILogger log)
    {
        _writer = writer;
        _store = store;
        _identities = identities;
        _reconciler = reconciler;
        _lists = lists;
        _options = options;
        _log = log;
        Peers = peers;
        var engine = new PolicyEngine(ReadKept(), options.Enforcement);
        _writer.Publish(world => world with { Engine = engine });
    }

    /// <summary>Answers for what is in force.</summary>
    internal PolicyEngine Engine => _writer.World.Engine;

    internal PolicySet Set => Engine.Set;

    internal PolicyPeers Peers { get; }

    /// <summary>From a change of policy to the last endpoint's map.</summary>
    internal DurationCounts Delays { get; } = new();

    /// <summary>Entries of the endpoint that has most of them.</summary>
    internal int Fullest => _reconciler.Realized.Policies.Values.Select(list => list.Count).DefaultIfEmpty().Max();

    /// <summary>The rule of that number, also if it went lately.</summary>
    internal Api.RuleInfo? FindRule(uint id) => Set.FindRule(id)?.ToInfo() ?? _retired.GetValueOrDefault(id);

    /// <summary>An HTTP policy in force, by its number.</summary>
    internal HttpPolicy? FindHttpPolicy(uint id) => _reconciler.Realized.Http.GetValueOrDefault(id);

    internal int EntriesOf(ushort endpointId) => _reconciler.Realized.Policies.GetValueOrDefault(endpointId)?.Count ?? 0;

    /// <summary>Whether nothing would change.</summary>
    internal bool IsInForce(PolicySet set) =>
        set.Documents.Count == Set.Documents.Count
        && set.Documents.Zip(Set.Documents).All(pair => pair.First.Key == pair.Second.Key
            && pair.First.Text == pair.Second.Text
            && pair.First.AppliedInAudit == pair.Second.AppliedInAudit
            && pair.First.SourceFile == pair.Second.SourceFile
            && pair.First.FirstLine == pair.Second.FirstLine);

    /// <summary>Puts a policy in force and keeps it; what does not fit changes nothing.</summary>
    /// <returns>Endpoints whose map changed.</returns>
    internal int Enforce(PolicySet set)
    {
        long began = Stopwatch.GetTimestamp();
        CheckRoom(set);
        PolicyEngine before = Engine;
        var engine = new PolicyEngine(set, _options.Enforcement);
        IpPrefix[] added = NumberCidrs(set);
        int changed;
        try
        {
            CheckSizes(engine);
            CheckHttp(engine);
            _writer.Publish(world => world with { Engine = engine });
            changed = _reconciler.ConvergeAll();
            Delays.Add(Stopwatch.GetElapsedTime(began));

            // Only what the kernel has taken is kept: the next start must not meet what it refuses.
            Keep(set);
        }
        catch
        {
            _writer.Publish(world => world with { Engine = before });
            _identities.RetireCidrs(added);
            _reconciler.Converge();
            throw;
        }

        RetireRules(before.Set);
        RetireCidrs();
        Log.PolicyApplied(_log, _reconciler.Revision, set.Rules.Count, set.Documents.Count, changed);
        return changed;
    }

    /// <summary>Says what would keep a policy from being in force here.</summary>
    /// <exception cref="ControlException">That.</exception>
    internal void Check(PolicySet set)
    {
        CheckRoom(set);
        var engine = new PolicyEngine(set, _options.Enforcement);
        CheckSizes(engine);
        CheckHttp(engine);
    }

    private static void CheckRoom(PolicySet set)
    {
        if (set.CidrPrefixes.Count > MostPrefixes)
        {
            throw new ControlException($"the policy names {set.CidrPrefixes.Count} prefixes: {MostPrefixes} fit; nothing was changed");
        }
    }

    /// <summary>After the agent's start: its prefixes have numbers, those of before where there are some.</summary>
    internal void Restore()
    {
        NumberCidrs(Set);
        RetireCidrs();
    }

    private IpPrefix[] NumberCidrs(PolicySet set)
    {
        IpPrefix[] added = [.. set.CidrPrefixes.Where(prefix => _identities.FindCidr(prefix) is null)];
        _identities.AddCidrs(added);
        return added;
    }

    private void RetireCidrs() => _identities.RetireCidrs([.. _identities.Cidrs.Keys.Where(prefix => !Set.CidrPrefixes.Contains(prefix))]);

    /// <summary>What the proxy could not compile is refused here, where somebody reads it.</summary>
    private void CheckHttp(PolicyEngine engine)
    {
        IEnumerable<uint> ids = _writer.World.Attached.SelectMany(endpoint => _lists.Of(engine, _writer.World, endpoint).Entries)
            .Where(entry => entry.HttpPolicyId != 0).Select(entry => entry.HttpPolicyId).Distinct();
        foreach (uint id in ids.Where(id => FindHttpPolicy(id) is null))
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

    private void CheckSizes(PolicyEngine engine)
    {
        foreach (Endpoint endpoint in _writer.World.Attached)
        {
            if (_lists.Of(engine, _writer.World, endpoint).Entries.Count is var count and > MostEntries)
            {
                throw new ControlException(
                    $"endpoint {endpoint.Id} ({endpoint.Name}) would need {count} policy entries: {MostEntries} fit; nothing was changed. Name fewer peers or wider port ranges");
            }
        }
    }

    private void RetireRules(PolicySet before)
    {
        // Late events name them: what they were, not their documents, which would be kept with them.
        foreach (Rule rule in before.Rules.Where(rule => Set.FindRule(rule.Id) is null).TakeLast(MostRetiredRules))
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
            new KeptPolicy(document.SourceFile, document.FirstLine, document.Rules.Count > 0 ? document.Rules[0].Id : 0, document.Text, document.AppliedBy, document.AppliedAt, document.AppliedInAudit))]),
        StateContext.Default.KeptPolicies);

    private PolicySet ReadKept()
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

            documents.AddRange(result.Documents.Select(document => ((policy.AppliedInAudit ? document.InAudit() : document) with { AppliedBy = policy.AppliedBy ?? "", AppliedAt = policy.AppliedAt }, policy.FirstRuleId)));
        }

        return PolicySet.Restore(documents, kept?.NextRuleId ?? 1);
    }
}
