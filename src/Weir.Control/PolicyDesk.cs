// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Cluster;
using Weir.Control.Endpoints;
using Weir.Control.Policies;
using Weir.Control.Replaying;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>Changes of policy, and questions about it.</summary>
public sealed class PolicyDesk
{
    private const int MostComparedPrefixes = 1000;

    private readonly Writer _writer;
    private readonly PolicyManager _policies;
    private readonly EndpointManager _endpoints;
    private readonly FlowExplainer _explainer;
    private readonly HostFactsReader _facts;
    private readonly Datapath.Datapath _datapath;

    internal PolicyDesk(
        Writer writer, PolicyManager policies, EndpointManager endpoints, FlowExplainer explainer, HostFactsReader facts, Datapath.Datapath datapath)
    {
        _writer = writer;
        _policies = policies;
        _endpoints = endpoints;
        _explainer = explainer;
        _facts = facts;
        _datapath = datapath;
    }

    /// <summary>From a change of policy to its being in the kernel for all endpoints.</summary>
    public DurationCounts Delays => _policies.Delays;

    /// <summary>How full the policy map of the endpoint is that has most entries.</summary>
    public MapUse Fullest => new(MapNames.Policy, _policies.Fullest, PolicyManager.MostEntries);

    /// <summary>Takes all files or, with an error in any of them, none.</summary>
    /// <param name="dryRun">Changes nothing and tells what would change.</param>
    /// <param name="strict">A warning is an error.</param>
    /// <param name="by">Who does it, and when; it is kept with what changes.</param>
    /// <param name="audit">All rules are judged by and reported, and not enforced.</param>
    public PolicyOutcome Apply(IReadOnlyList<(string Name, string Text)> files, bool dryRun, bool strict = false, (string User, DateTimeOffset Time) by = default, bool audit = false)
    {
        ArgumentNullException.ThrowIfNull(files);
        PolicyReadResult read = PolicyReader.ReadAll(files);
        List<Problem> problems = [.. read.Problems];
        PolicyDocument[] documents = [.. read.Documents.Select(document => audit ? document.InAudit() : document)];
        return _writer.Run(() =>
        {
            PolicySet before = _policies.Set;
            PolicySet after = before.With(documents.Select(document => Signed(before.FindDocument(document.Key), document, by)));
            HostFacts facts = _facts.Read();
            problems.AddRange(documents.SelectMany(document => PolicyCheck.Find(document, facts).Concat(Replaced(before, document))));
            if (strict && !read.HasErrors && problems.Count(problem => problem.IsWarning) is var warnings and > 0)
            {
                problems.Add(new Problem(null, $"nothing was applied: with --strict {(warnings == 1 ? "a warning is an error" : $"{warnings} warnings are errors")}", Severity.Error));
            }

            return problems.Any(problem => problem.IsError)
                ? new PolicyOutcome(problems, [], [], _datapath.Revision, 0)
                : Change(after, [.. documents.Select(document => Outcome(after, document, ChangeOf(before.FindDocument(document.Key), document)))], problems, dryRun);
        });
    }

    /// <summary>The same, on all nodes if this is one of several; waits for them, and names those that do not follow.</summary>
    public Task<PolicyOutcome> ApplyAsync(IReadOnlyList<(string Name, string Text)> files, bool dryRun, bool strict, (string User, DateTimeOffset Time) by, bool audit, CancellationToken cancel) =>
        AgreeAsync(() => Apply(files, dryRun, strict, by, audit), cancel);

    /// <summary>The same for policies that are taken away.</summary>
    /// <param name="names">Null: all.</param>
    public Task<PolicyOutcome> DeleteAsync(IReadOnlyList<string>? names, bool dryRun, CancellationToken cancel) =>
        AgreeAsync(() => names is null ? DeleteAll(dryRun) : Delete(names, dryRun), cancel);

    /// <summary>The set that a draft would make; null: with an error among the problems.</summary>
    /// <exception cref="ControlException">There is none of a name that is to be taken away, or several.</exception>
    internal (PolicySet? After, IReadOnlyList<Problem> Problems, IReadOnlyList<DocumentOutcome> Documents) Read(PolicyDraft draft)
    {
        PolicySet before = _policies.Set;
        PolicyDocument[] gone = [.. draft.Without.Select(name => FindDocument(before, name)).DistinctBy(document => document.Key)];
        PolicyReadResult read = draft.Files.Count == 0 && gone.Length > 0 ? new PolicyReadResult([], []) : PolicyReader.ReadAll(draft.Files);
        HostFacts facts = _facts.Read();
        List<Problem> problems = [.. read.Problems, .. read.Documents.SelectMany(document => PolicyCheck.Find(document, facts))];
        if (problems.Any(problem => problem.IsError))
        {
            return (null, problems, []);
        }

        PolicySet after = (draft.Replaces ? before.Without(before.Documents.Select(document => document.Key)) : before.Without(gone.Select(document => document.Key))).With(read.Documents);
        IEnumerable<PolicyDocument> deleted = (draft.Replaces ? before.Documents : gone).Where(document => after.FindDocument(document.Key) is null);
        return (after, problems,
        [
            .. read.Documents.Select(document => Outcome(after, document, ChangeOf(before.FindDocument(document.Key), document))),
            .. deleted.Select(document => Outcome(before, document, "deleted")),
        ]);
    }

    /// <summary>Takes policies away by name.</summary>
    /// <param name="names">As <see cref="PolicySet.FindDocuments"/> takes them.</param>
    /// <exception cref="ControlException">There is none of a name, or several; nothing was changed.</exception>
    public PolicyOutcome Delete(IReadOnlyList<string> names, bool dryRun)
    {
        ArgumentNullException.ThrowIfNull(names);
        return _writer.Run(() =>
        {
            PolicySet before = _policies.Set;
            return Delete([.. names.Select(name => FindDocument(before, name)).DistinctBy(document => document.Key)], dryRun);
        });
    }

    /// <summary>Takes every policy away.</summary>
    public PolicyOutcome DeleteAll(bool dryRun) => _writer.Run(() => Delete(_policies.Set.Documents, dryRun));

    /// <summary>One policy by its name, or all.</summary>
    /// <param name="name">As <see cref="PolicySet.FindDocuments"/> takes it; empty: all.</param>
    /// <exception cref="ControlException">There is none of the name, or several.</exception>
    public IReadOnlyList<PolicyDocument> List(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length == 0 ? _policies.Set.Documents : [FindDocument(_policies.Set, name)];
    }

    /// <summary>What of a policy in force reaches nobody now, or probably not whom it was meant for.</summary>
    public IReadOnlyList<Problem> Warnings(PolicyDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        PolicyReadResult read = PolicyReader.Read(document.SourceFile, document.Text, document.FirstLine, isKept: true);
        return [.. read.Problems, .. PolicyCheck.Find(document, _facts.Read())];
    }

    /// <summary>Containers that a rule is about.</summary>
    public IReadOnlyList<string> Selected(Rule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        return [.. _endpoints.All.Where(endpoint => rule.Subject.Matches(_policies.Peers.Of(endpoint))).Select(endpoint => endpoint.Name).Order()];
    }

    /// <summary>Why the one may or may not reach the other.</summary>
    /// <param name="from">A container's name, labels, an address, a reserved name, or a service of Compose.</param>
    /// <param name="to">Likewise, or a service of Weir's.</param>
    /// <param name="port">"80/tcp", "icmp:8".</param>
    /// <exception cref="ControlException">An argument says nothing, or too much.</exception>
    /// <param name="http">"PUT /public", or empty: only the connection.</param>
    /// <param name="headers">The request's, "Name: value".</param>
    public FlowExplanation Explain(string from, string to, string port, string http = "", IReadOnlyList<string>? headers = null) =>
        _writer.Run(() => Explain(_explainer, from, to, port, http, headers ?? []));

    /// <summary>The same, of another world.</summary>
    internal static FlowExplanation Explain(FlowExplainer explainer, string from, string to, string port, string http, IReadOnlyList<string> headers)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        ArgumentNullException.ThrowIfNull(port);
        if (!PortText.TryParse(port, out IpProtocol protocol, out ushort number))
        {
            throw new ControlException($"--port {port} is not a port; write for example {PortText.Example}");
        }

        return explainer.Explain(from, to, protocol, number, http.Length == 0 ? null : ParseRequest(http, headers));
    }

    /// <summary>The policy of all nodes; null: this host is by itself.</summary>
    internal SharedPolicy? Shared { get; set; }

    private Task<PolicyOutcome> AgreeAsync(Func<PolicyOutcome> change, CancellationToken cancel) =>
        Shared is { } shared ? shared.AgreeAsync(change, cancel) : _writer.RunAsync(change);

    private static SampleRequest ParseRequest(string http, IReadOnlyList<string> headers)
    {
        try
        {
            return SampleRequest.Parse(http, headers);
        }
        catch (FormatException e)
        {
            throw new ControlException($"--http: {e.Message}; write a method and a target, such as 'GET /public'");
        }
    }

    private static PolicyDocument FindDocument(PolicySet set, string name) => set.FindDocuments(name) switch
    {
        [var one] => one,
        [] => throw new ControlException($"no policy is named \"{name}\"{NearestTo(set, name)}; 'weir policy get' shows all"),
        var several => throw new ControlException($"\"{name}\" can be {string.Join(" or ", several.Select(document => document.Key))}: write the kind before the name"),
    };

    /// <summary>Whoever leaves a namespace out, or writes one that is not there.</summary>
    private static string NearestTo(PolicySet set, string name)
    {
        string bare = name[(name.LastIndexOf('/') + 1)..];
        string[] alike = [.. set.Documents.Select(document => document.Key).Where(key => key.Name[(key.Name.LastIndexOf('/') + 1)..] == bare).Select(key => key.ToString())];
        return alike.Length == 0 ? "" : $"; there is {string.Join(", ", alike.Take(4))}";
    }

    /// <summary>A policy that takes the place of one from another file may have been meant as another policy.</summary>
    private static IEnumerable<Problem> Replaced(PolicySet before, PolicyDocument document) =>
        before.FindDocument(document.Key) is { } older && older.SourceFile != document.SourceFile
            ? [new Problem(new SourceLocation(document.SourceFile, document.FirstLine, 1), $"{document.Kind} \"{document.Name}\" takes the place of that from {older.SourceFile}:{older.FirstLine}", Severity.Notice)]
            : [];

    private static DocumentOutcome Outcome(PolicySet set, PolicyDocument document, string change) =>
        new(set.DisplayName(document.Key), document.Kind, change, document.Rules.Count, document.AuditedRules);

    private static string ChangeOf(PolicyDocument? before, PolicyDocument after) =>
        before is null ? "added" : IsSame(before, after) ? "unchanged" : "changed";

    private static bool IsSame(PolicyDocument before, PolicyDocument after) => before.Text == after.Text && before.AppliedInAudit == after.AppliedInAudit;

    /// <summary>What only moved to another file or line was put in force by whoever wrote it.</summary>
    private static PolicyDocument Signed(PolicyDocument? before, PolicyDocument after, (string User, DateTimeOffset Time) by) =>
        before is not null && IsSame(before, after)
            ? after with { AppliedBy = before.AppliedBy, AppliedAt = before.AppliedAt }
            : after with { AppliedBy = by.User ?? "", AppliedAt = by.User is null ? null : by.Time };

    private PolicyOutcome Delete(IReadOnlyList<PolicyDocument> documents, bool dryRun)
    {
        PolicySet before = _policies.Set;
        return Change(before.Without(documents.Select(document => document.Key)), [.. documents.Select(document => Outcome(before, document, "deleted"))], [], dryRun);
    }

    private PolicyOutcome Change(PolicySet after, IReadOnlyList<DocumentOutcome> documents, List<Problem> problems, bool dryRun)
    {
        if (dryRun)
        {
            return new PolicyOutcome(problems, documents, Compare(after), _datapath.Revision, 0);
        }

        try
        {
            if (Shared is not null)
            {
                _policies.Check(after);
                return new PolicyOutcome(problems, documents, [], _datapath.Revision, 0) { Proposed = after };
            }

            int changed = _policies.IsInForce(after) ? 0 : _policies.Enforce(after);
            return new PolicyOutcome(problems, documents, [], _datapath.Revision, changed);
        }
        catch (ControlException e)
        {
            problems.Add(new Problem(null, e.Message, Severity.Error));
            return new PolicyOutcome(problems, [], [], _datapath.Revision, 0);
        }
    }

    private IReadOnlyList<PolicyChange> Compare(PolicySet after)
    {
        var engine = new PolicyEngine(after, _policies.Engine.Mode);
        NamedPeer[] endpoints = [.. _endpoints.Attached.Select(endpoint =>
            new NamedPeer(endpoint.Name.Length > 0 ? endpoint.Name : $"endpoint {endpoint.Id}", _policies.Peers.Of(endpoint)))];
        uint number = 0;
        // A prefix of containers' or the host's addresses is nobody's outside.
        IReadOnlyList<(IpPrefix Range, string Owner)> inside = _facts.Read().Inside;
        IEnumerable<PolicyPeer> prefixes = after.CidrPrefixes.Union(_policies.Set.CidrPrefixes)
            .Where(prefix => !inside.Any(own => own.Range.Contains(prefix))).Take(MostComparedPrefixes)
            .Select(prefix => PolicyPeer.ForCidr(Identity.ForCidr(++number), prefix));
        Identity[] outside = [Identity.Host, Identity.WorldIpv4, Identity.WorldIpv6];
        return PolicyDiff.Compare(_policies.Engine, engine, endpoints, [.. outside.Select(PolicyPeer.ForReserved), .. prefixes]);
    }
}
