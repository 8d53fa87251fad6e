// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Endpoints;
using Weir.Control.Identities;
using Weir.Control.Policies;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>Changes of policy, and questions about it.</summary>
public sealed class PolicyDesk
{
    private const int MostComparedPrefixes = 1000;

    private readonly Lock _lock;
    private readonly PolicyManager _policies;
    private readonly EndpointManager _endpoints;
    private readonly IdentityAllocator _identities;
    private readonly Datapath.Datapath _datapath;

    internal PolicyDesk(Lock @lock, PolicyManager policies, EndpointManager endpoints, IdentityAllocator identities, Datapath.Datapath datapath)
    {
        _lock = @lock;
        _policies = policies;
        _endpoints = endpoints;
        _identities = identities;
        _datapath = datapath;
    }

    /// <summary>Takes all files or, with an error in any of them, none.</summary>
    /// <param name="dryRun">Changes nothing and tells what would change.</param>
    public PolicyOutcome Apply(IReadOnlyList<(string Name, string Text)> files, bool dryRun)
    {
        ArgumentNullException.ThrowIfNull(files);
        List<Problem> problems = [];
        List<PolicyDocument> documents = [];
        foreach ((string name, string text) in files)
        {
            PolicyReadResult result = PolicyReader.Read(name, text);
            problems.AddRange(result.Problems);
            documents.AddRange(result.Documents);
        }

        foreach (var group in documents.GroupBy(document => document.Name).Where(group => group.Count() > 1))
        {
            PolicyDocument second = group.Last();
            problems.Add(new Problem(
                new SourceLocation(second.SourceFile, second.FirstLine, 1),
                $"policy \"{group.Key}\" is also in {group.First().SourceFile}:{group.First().FirstLine}; give one of them another name",
                false));
        }

        if (problems.Any(problem => !problem.IsWarning))
        {
            return new PolicyOutcome(problems, [], [], _datapath.Revision, 0);
        }

        lock (_lock)
        {
            PolicySet before = _policies.Set;
            var changes = documents.Select(document => (document.Name, ChangeOf(before.FindDocument(document.Name), document), document.Rules.Count));
            return Change(before.With(documents), [.. changes], problems, dryRun);
        }
    }

    /// <summary>Takes policies away by name.</summary>
    /// <exception cref="ControlException">There is none of a name; nothing was changed.</exception>
    public PolicyOutcome Delete(IReadOnlyList<string> names, bool dryRun)
    {
        ArgumentNullException.ThrowIfNull(names);
        lock (_lock)
        {
            PolicySet before = _policies.Set;
            string? unknown = names.FirstOrDefault(name => before.FindDocument(name) is null);
            if (unknown is not null)
            {
                throw new ControlException($"no policy is named \"{unknown}\"; nothing was deleted. 'weir policy get' shows all");
            }

            var changes = names.Distinct().Select(name => (name, "deleted", before.FindDocument(name)!.Rules.Count));
            return Change(before.Without(names), [.. changes], [], dryRun);
        }
    }

    /// <summary>Names of all policies.</summary>
    public IReadOnlyList<string> Names()
    {
        lock (_lock)
        {
            return [.. _policies.Set.Documents.Select(document => document.Name)];
        }
    }

    /// <summary>Containers that a rule is about.</summary>
    public IReadOnlyList<string> Selected(Rule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        lock (_lock)
        {
            return [.. _endpoints.All.Where(endpoint => rule.Subject.Matches(_policies.Peers.Of(endpoint))).Select(endpoint => endpoint.Name).Order()];
        }
    }

    /// <summary>Why the one may or may not reach the other.</summary>
    /// <param name="from">Labels, a container's name, an address, or a reserved name.</param>
    /// <param name="port">"80/tcp", "icmp:8".</param>
    /// <exception cref="ControlException">An argument says nothing, or too much.</exception>
    /// <param name="http">"PUT /public", or empty: only the connection.</param>
    /// <param name="headers">The request's, "Name: value".</param>
    public Explanation Explain(string from, string to, string port, string http = "", IReadOnlyList<string>? headers = null)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        ArgumentNullException.ThrowIfNull(port);
        (IpProtocol protocol, ushort number) = PortText.Parse(port);
        SampleRequest? request = http.Length == 0 ? null : ParseRequest(http, headers ?? []);
        lock (_lock)
        {
            var finder = new PeerFinder(_endpoints, _identities, _policies.Peers);
            return _policies.Engine.Explain(finder.Find(from, "--from"), finder.Find(to, "--to"), protocol, number, request);
        }
    }

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

    private static string ChangeOf(PolicyDocument? before, PolicyDocument after) =>
        before is null ? "added"
        : before.Text == after.Text && before.SourceFile == after.SourceFile && before.FirstLine == after.FirstLine ? "unchanged"
        : "changed";

    private PolicyOutcome Change(PolicySet after, IReadOnlyList<(string, string, int)> documents, List<Problem> problems, bool dryRun)
    {
        if (dryRun)
        {
            return new PolicyOutcome(problems, documents, Compare(after), _datapath.Revision, 0);
        }

        try
        {
            int changed = _policies.IsInForce(after) ? 0 : _policies.Enforce(after);
            return new PolicyOutcome(problems, documents, [], _datapath.Revision, changed);
        }
        catch (ControlException e)
        {
            problems.Add(new Problem(null, e.Message, false));
            return new PolicyOutcome(problems, [], [], _datapath.Revision, 0);
        }
    }

    private IReadOnlyList<PolicyChange> Compare(PolicySet after)
    {
        var engine = new PolicyEngine(after, _policies.Engine.Mode);
        NamedPeer[] endpoints = [.. _endpoints.Attached.Select(endpoint =>
            new NamedPeer(endpoint.Name.Length > 0 ? endpoint.Name : $"endpoint {endpoint.Id}", _policies.Peers.Of(endpoint)))];
        uint number = 0;
        IEnumerable<PolicyPeer> prefixes = after.CidrPrefixes.Union(_policies.Set.CidrPrefixes).Take(MostComparedPrefixes)
            .Select(prefix => PolicyPeer.ForCidr(Identity.ForCidr(++number), prefix));
        Identity[] outside = [Identity.Host, Identity.WorldIpv4, Identity.WorldIpv6];
        return PolicyDiff.Compare(_policies.Engine, engine, endpoints, [.. outside.Select(PolicyPeer.ForReserved), .. prefixes]);
    }
}
