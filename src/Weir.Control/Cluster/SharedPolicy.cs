// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Weir.Control.Policies;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>The policy that all nodes have: one record in the shared store, from which each node compiles its own. Whoever changes
/// it says which revision he changes, so that of two nobody's change is lost.</summary>
internal sealed class SharedPolicy : IDisposable
{
    private const int MostTries = 20;
    private const int MostBytes = 512 * 1024; // of documents, in a transaction
    private const int MostDocuments = 50;

    private readonly Writer _writer;
    private readonly IKeyValues _shared;
    private readonly PolicyManager _policies;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _one = new(1);

    internal SharedPolicy(Writer writer, IKeyValues shared, PolicyManager policies, ILogger log)
    {
        _log = log;
        _writer = writer;
        _shared = shared;
        _policies = policies;
    }

    public void Dispose() => _one.Dispose();

    /// <summary>How long somebody who changes policy waits for other nodes.</summary>
    internal static TimeSpan Patience { get; } = TimeSpan.FromSeconds(5);

    /// <summary>Puts in force here what all nodes have. Called on the writer's thread.</summary>
    internal void Follow(ClusterView view)
    {
        (long revision, string? before) = _writer.World.SharedPolicy;
        if (view.Policy is not { } policy || (view.PolicyRevision == revision && before is null))
        {
            return;
        }

        string? problem = null;
        try
        {
            PolicySet set = SetOf(policy, view);
            if (!_policies.IsInForce(set))
            {
                _policies.Enforce(set);
            }
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            problem = e.Message;
        }

        if (problem is not null && problem != before)
        {
            Log.Failed(_log, "putting in force the policy of all nodes", problem);
        }

        _writer.Publish(world => world with { SharedPolicy = (view.PolicyRevision, problem) });
    }

    /// <summary>Has all nodes take what somebody proposes, and waits until they have.</summary>
    /// <param name="propose">Called on the writer's thread, again if somebody else was faster.</param>
    internal async Task<PolicyOutcome> AgreeAsync(Func<PolicyOutcome> propose, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel); // those of one node would only hinder one another
        try
        {
            return await AgreeInTurnAsync(propose, cancel);
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<PolicyOutcome> AgreeInTurnAsync(Func<PolicyOutcome> propose, CancellationToken cancel)
    {
        for (int i = 0; i < MostTries; i++)
        {
            (PolicyOutcome outcome, PolicyRecord? before, long seen) = await _writer.RunAsync(() =>
            {
                World world = _writer.World;
                if (world.Cluster is { Policy: not null } view && (world.SharedPolicy.Revision != view.PolicyRevision || world.SharedPolicy.Problem is not null))
                {
                    throw new ControlException($"the policy of all nodes is not in force on this one ({world.SharedPolicy.Problem ?? "it was not heard yet"}): change it from a node where it is; nothing was changed");
                }

                return (propose(), world.Cluster?.Policy, world.Cluster?.PolicyRevision ?? 0);
            });
            if (outcome.HasErrors || outcome.Proposed is not { } set)
            {
                return outcome;
            }

            TransactionResult result;
            try
            {
                result = await PutAsync(set, before, seen, cancel);
            }
            catch (StoreException e)
            {
                throw new ControlException($"the policy of all nodes cannot be changed now: {e.Message}; nothing was changed");
            }
            catch (OutcomeUnknownException e)
            {
                throw new ControlException($"whether the policy of all nodes was changed is not known: {e.Message}; see 'weir policy get' once the shared store answers");
            }

            if (result.Succeeded)
            {
                return await AwaitAsync(outcome, result.Revision, cancel);
            }

            await _writer.WaitAsync(world => world.Cluster?.Revision >= result.Revision, Patience, cancel); // somebody was faster: on top of his
        }

        throw new ControlException("others change the policy all the time: try again; nothing was changed");
    }

    private async Task<TransactionResult> PutAsync(PolicySet set, PolicyRecord? before, long seen, CancellationToken cancel)
    {
        HashSet<string> known = [.. (before?.Documents ?? []).Select(document => document.Hash)];
        Dictionary<string, string> texts = set.Documents.DistinctBy(document => document.Text).ToDictionary(document => ClusterKeys.HashOf(document.Text), document => document.Text);
        List<KeyValuePair<string, string>> some = [];
        foreach (KeyValuePair<string, string> text in texts.Where(text => !known.Contains(text.Key)))
        {
            if (some.Count == MostDocuments || (some.Count > 0 && some.Sum(one => one.Value.Length) + text.Value.Length > MostBytes))
            {
                await PutTextsAsync(some, cancel);
                some.Clear();
            }

            some.Add(text);
        }

        await PutTextsAsync(some, cancel);
        var record = new PolicyRecord([.. set.Documents.Select(document =>
            new PolicyEntry(document.SourceFile, document.FirstLine, ClusterKeys.HashOf(document.Text), document.AppliedBy, document.AppliedAt, document.AppliedInAudit))]);
        TransactionResult result = await _shared.CommitAsync(
            new Transaction().IfUnchanged(ClusterKeys.Policy, seen).Put(ClusterKeys.Policy, JsonSerializer.SerializeToUtf8Bytes(record, ClusterContext.Default.PolicyRecord)), cancel);
        if (result.Succeeded)
        {
            // Unless somebody changed it again meanwhile: he may need them.
            foreach (string[] gone in known.Where(hash => !texts.ContainsKey(hash)).Chunk(MostDocuments))
            {
                var transaction = new Transaction().IfUnchanged(ClusterKeys.Policy, result.Revision);
                gone.ToList().ForEach(hash => transaction.Delete(ClusterKeys.Text(hash)));
                await _shared.CommitAsync(transaction, cancel);
            }
        }

        return result;
    }

    private async Task PutTextsAsync(List<KeyValuePair<string, string>> texts, CancellationToken cancel)
    {
        if (texts.Count > 0)
        {
            var transaction = new Transaction();
            texts.ForEach(text => transaction.Put(ClusterKeys.Text(text.Key), Encoding.UTF8.GetBytes(text.Value)));
            await _shared.CommitAsync(transaction, cancel);
        }
    }

    /// <summary>Says on which nodes it is not in force after all.</summary>
    private async Task<PolicyOutcome> AwaitAsync(PolicyOutcome outcome, long revision, CancellationToken cancel)
    {
        await _writer.WaitAsync(world => world.Cluster is { Nodes.Count: > 0 } view && view.Living.All(node => node.PolicyRevision >= revision), Patience, cancel);
        List<Problem> problems = [.. outcome.Problems];
        foreach (NodeRecord node in _writer.World.Cluster?.Nodes.Values ?? [])
        {
            if (_writer.World.Cluster?.Alive.Contains(node.Name) == false)
            {
                problems.Add(new Problem(null, $"node {node.Name} is silent, and goes on with the policy that it heard last until its agent is back: 'weir node list'", Severity.Warning));
            }
            else if (node.PolicyRevision < revision)
            {
                problems.Add(new Problem(null, $"node {node.Name} has not taken it within {Patience.TotalSeconds:F0} s; it will as soon as it hears of it: 'weir node list'", Severity.Warning));
            }
            else if (node.PolicyRevision == revision && node.PolicyProblem is { } problem)
            {
                problems.Add(new Problem(null, $"node {node.Name} cannot put it in force, and keeps what it had: {problem}", Severity.Warning));
            }
        }

        return outcome with { Problems = problems };
    }

    /// <summary>What is the same stays the same, with the rules' numbers that it has here.</summary>
    private PolicySet SetOf(PolicyRecord policy, ClusterView view)
    {
        Dictionary<(string, int, string, bool), PolicyDocument> known = _policies.Set.Documents.ToDictionary(document => (document.SourceFile, document.FirstLine, document.Text, document.AppliedInAudit));
        List<PolicyDocument> documents = [];
        foreach (PolicyEntry entry in policy.Documents)
        {
            string text = view.Texts.GetValueOrDefault(entry.Hash) ?? throw new ControlException($"the text of {entry.File}:{entry.Line} is missing in the shared store: apply it again");
            if (known.TryGetValue((entry.File, entry.Line, text, entry.AppliedInAudit), out PolicyDocument? same))
            {
                documents.Add(same);
                continue;
            }

            PolicyReadResult read = PolicyReader.Read(entry.File, text, entry.Line, isKept: true);
            if (read.HasErrors)
            {
                throw new ControlException($"this version cannot read it: {read.Problems.First(problem => problem.IsError)}");
            }

            documents.AddRange(read.Documents.Select(document => (entry.AppliedInAudit ? document.InAudit() : document) with { AppliedBy = entry.AppliedBy, AppliedAt = entry.AppliedAt }));
        }

        HashSet<DocumentKey> present = [.. documents.Select(document => document.Key)];
        return _policies.Set.Without(_policies.Set.Documents.Select(document => document.Key).Where(key => !present.Contains(key))).With(documents);
    }
}
