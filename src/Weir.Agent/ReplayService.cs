// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Weir.Api;
using Weir.Control;
using Weir.Control.Past;
using Weir.Control.Policies;
using Weir.Control.Replaying;
using Weir.Flows;
using Weir.Policy.Suggestions;

namespace Weir.Agent;

/// <summary>The gRPC API about what is on record: translates questions and answers.</summary>
internal sealed class ReplayService(ControlPlane control, HistoryDesk history, FlowRecorder record, AgentConfig config) : Replay.ReplayBase
{
    private const int Groups = 20;

    public override Task<TryPolicyResponse> TryPolicy(TryPolicyRequest request, ServerCallContext context) => Answer(() =>
    {
        List<string> notes = [];
        var draft = new PolicyDraft([.. request.Files.Select(file => (file.Name, file.Text))], request.Replace, request.Without);
        TriedPolicy tried = control.Replay.Try(draft, Read(request.Since, request.Until, notes, context), config.Record);
        TriedGroup[] told = [.. tried.Groups.Take(request.Limit > 0 ? request.Limit : Groups)];
        ulong refused = tried.Count(TriedOutcome.Refused), allowed = tried.Count(TriedOutcome.Allowed), unknown = tried.Count(TriedOutcome.Unknown);
        var response = new TryPolicyResponse
        {
            Problems = { tried.Problems.Select(Translate.Problem) },
            Documents = { tried.Documents.Select(Translate.Document) },
            Flows = refused + allowed + unknown + tried.Unchanged,
            Refused = refused,
            Allowed = allowed,
            Unknown = unknown,
            Unchanged = tried.Unchanged,
            Groups = { told.Select(Group) },
            GroupsLeftOut = (uint)(tried.Groups.Count - told.Length),
            Notes = { tried.Notes.Concat(notes) },
        };
        if (tried.Span is var (first, last))
        {
            response.First = Timestamp.FromDateTimeOffset(first);
            response.Last = Timestamp.FromDateTimeOffset(last);
        }

        return response;
    });

    public override Task<SuggestPolicyResponse> SuggestPolicy(SuggestPolicyRequest request, ServerCallContext context) => Answer(() =>
    {
        List<string> notes = [];
        IReadOnlyList<Suggestion> made = request.Flow is { } flow
            ? control.Replay.SuggestFor(flow, request.Name)
            : [control.Replay.Suggest(request.Subject, request.Name, request.IncludeDenied, Read(request.Since, request.Until, notes, context))];
        var response = new SuggestPolicyResponse { Yaml = string.Join("---\n", made.Select(one => one.Yaml)), Name = made[0].Name };
        int above = 0;
        foreach (Suggestion one in made)
        {
            response.Rules.AddRange(one.Rules.Select(rule => Rule(rule, above)));
            response.LeftOut.AddRange(one.LeftOut.Select(left => new LeftOut { What = left.What, Why = left.Why, Flows = left.Flows }));
            above += one.Yaml.Count(c => c == '\n') + 1;
        }

        response.Flows = request.Flow is null ? made[0].Flows : 1;
        response.Covered = request.Flow is null ? made[0].Covered : 1;
        response.Notes.AddRange(notes.Concat(request.Flow is null ? ReplayDesk.NotesOn(config.Record, "what passed") : []));
        return response;
    });

    public override Task<ListPolicyHistoryResponse> ListPolicyHistory(ListPolicyHistoryRequest request, ServerCallContext context) => Answer(() =>
    {
        List<string> notes = [];
        IReadOnlyList<PastRevision> revisions = history.List(
            request.Since?.ToDateTimeOffset() ?? DateTimeOffset.UnixEpoch, request.Until?.ToDateTimeOffset() ?? DateTimeOffset.MaxValue, notes.Add);
        return new ListPolicyHistoryResponse
        {
            Revisions = { revisions.Select(Revision) },
            KnownSince = history.KnownSince is { } since ? Timestamp.FromDateTimeOffset(since) : null,
            Notes = { notes },
        };
    });

    public override Task<ExplainPastResponse> ExplainPast(ExplainPastRequest request, ServerCallContext context) => Answer(() =>
    {
        ExplainPolicyRequest question = request.Question ?? new ExplainPolicyRequest();
        PastExplanation past = history.Explain(request.At?.ToDateTimeOffset() ?? throw new ControlException("--at says no time"), question);
        return new ExplainPastResponse
        {
            At = request.At,
            Then = Translate.Explanation(past.Then, question),
            Now = past.Now is { } now ? Translate.Explanation(now, question) : null,
            Differences = { past.Differences },
        };
    });

    private static PolicyRevision Revision(PastRevision revision) => new()
    {
        Since = Timestamp.FromDateTimeOffset(revision.Since),
        Until = revision.Until is { } end ? Timestamp.FromDateTimeOffset(end) : null,
        Changes = { revision.Changes.Select(Translate.Document) },
        By = revision.By,
        Policies = revision.Policies,
        Rules = revision.Rules,
        Enforcement = revision.Enforcement,
    };

    private static Api.SuggestedRule Rule(Policy.Suggestions.SuggestedRule rule, int above) => new()
    {
        Direction = rule.Direction.ToString().ToLowerInvariant(),
        Peer = rule.Peer,
        Ports = rule.Ports,
        Requests = { rule.Requests },
        Flows = rule.Flows,
        First = rule.Flows == 0 ? null : Timestamp.FromDateTimeOffset(rule.First),
        Last = rule.Flows == 0 ? null : Timestamp.FromDateTimeOffset(rule.Last),
        Line = above + rule.Line,
    };

    private static TriedFlows Group(TriedGroup group)
    {
        var (answer, isSameNow) = group.Explain(group.Seen);
        Policy.EndExplanation? end = answer.End;
        return new TriedFlows
        {
            Outcome = group.Outcome.ToString().ToLowerInvariant(),
            Source = group.From,
            Destination = group.To,
            Port = group.Seen.PortText,
            Request = group.Seen.Request?.Text ?? "",
            Count = group.Count,
            First = Timestamp.FromDateTimeOffset(group.First),
            Last = Timestamp.FromDateTimeOffset(group.Last),
            Text = answer.Why,
            Direction = end is null ? "" : end.Direction.ToString().ToLowerInvariant(),
            Rule = end?.Rule?.ToInfo(),
            Nearest = end?.Nearest?.Rule.ToInfo(),
            NearestText = end?.Nearest?.Text ?? "",
            SameNow = isSameNow,
        };
    }

    /// <param name="notes">Gets what the record lacks, once it is read.</param>
    private IEnumerable<RecordedFlow> Read(Timestamp? since, Timestamp? until, List<string> notes, ServerCallContext context)
    {
        DateTimeOffset first = since?.ToDateTimeOffset() ?? DateTimeOffset.UnixEpoch, last = until?.ToDateTimeOffset() ?? DateTimeOffset.MaxValue;
        if (last < first)
        {
            throw new ControlException("--until is before --since");
        }

        foreach (RecordedFlow flow in record.Read(first, last, FlowFilter.OfRecord(new MonitorRequest()), notes.Add))
        {
            context.CancellationToken.ThrowIfCancellationRequested(); // whoever asked has gone
            yield return flow;
        }
    }

    /// <summary>Refusals become statuses; <see cref="CallBorder"/> answers all else. On a thread that may take its time.</summary>
    private static async Task<T> Answer<T>(Func<T> work)
    {
        try
        {
            return await Task.Run(work);
        }
        catch (ControlException e)
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, e.Message));
        }
    }
}
