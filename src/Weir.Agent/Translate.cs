// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Control;
using Weir.Control.Policies;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Policy;
using Endpoint = Weir.Api.Endpoint;

namespace Weir.Agent;

/// <summary>The control plane's words as the API's messages.</summary>
internal static class Translate
{
    internal static Api.Incident Incident(Control.Watch.Incident incident) => new()
    {
        Kind = incident.Kind,
        Text = incident.ToString(),
        Degraded = incident.IsDegraded,
        Times = incident.Times,
        First = Timestamp.FromDateTimeOffset(incident.First),
        Last = Timestamp.FromDateTimeOffset(incident.Last),
    };

    internal static Endpoint Endpoint(EndpointView view)
    {
        Control.State.Endpoint endpoint = view.Endpoint;
        var message = new Endpoint
        {
            Id = endpoint.Id,
            Name = endpoint.Name,
            ContainerId = endpoint.WorkloadId ?? "",
            Image = endpoint.Image,
            DockerEndpointId = endpoint.ExternalId,
            NetworkId = endpoint.NetworkId,
            Network = view.Network is null ? "" : view.Network.Name,
            Identity = endpoint.Identity.Value,
            Ipv4 = endpoint.Ipv4?.ToString() ?? "",
            Ipv6 = endpoint.Ipv6?.ToString() ?? "",
            Mac = string.Join(':', endpoint.Mac.Select(b => b.ToString("x2"))),
            Interface = endpoint.LinkName,
            Ifindex = endpoint.Ifindex,
            State = endpoint.State.ToString().ToLowerInvariant(),
            IngressEnforced = view.IngressEnforced,
            EgressEnforced = view.EgressEnforced,
            PolicyEntries = view.PolicyEntries,
            Flows = view.Flows,
            Degraded = view.Lack ?? "",
            Created = Timestamp.FromDateTimeOffset(endpoint.Created),
            PublishLabel = endpoint.Doors?.Text ?? "",
            PublishLabelProblem = PublishDesk.LabelProblem(endpoint) ?? "",
            AddressesLabel = endpoint.Claims?.Text ?? "",
            AddressesLabelProblem = view.ClaimProblem ?? "",
        };
        message.Addresses.AddRange(view.Claims.Select(claim => claim.IsSingleAddress ? claim.Address.ToString() : claim.ToString()));
        message.Published.AddRange(endpoint.Published.Select(port => port.ToString()));
        message.Labels.AddRange(endpoint.Labels.Select(label => label.ToString()));
        return message;
    }

    /// <summary>One endpoint, with what its flows are.</summary>
    internal static Endpoint Endpoint(EndpointView view, ConntrackCount flows)
    {
        Endpoint message = Endpoint(view);
        message.HttpFlows = flows.HttpInKernel;
        message.HttpProxyFlows.AddRange(HttpByProxy(flows));
        return message;
    }

    /// <summary>Connections whose requests the proxy judges, the most first.</summary>
    internal static IEnumerable<HttpProxyFlows> HttpByProxy(ConntrackCount flows) => flows.HttpByProxy
        .OrderByDescending(why => why.Value).ThenBy(why => why.Key)
        .Select(why => new HttpProxyFlows { Connections = why.Value, Reason = why.Key.Name(), Explanation = why.Key.Explain() });

    /// <summary>The container as an end of flows.</summary>
    internal static FlowEnd End(EndpointView view) => new()
    {
        Name = view.Endpoint.Name,
        EndpointId = view.Endpoint.Id,
        Identity = view.Endpoint.Identity.Value,
        Labels = { view.Endpoint.Labels.Select(label => label.ToString()) },
    };

    internal static IdentityInfo Identity(IdentityView view)
    {
        var message = new IdentityInfo
        {
            Identity = view.Identity.Value,
            Endpoints = view.Endpoints,
            Kind = view.Identity.IsReserved ? "reserved" : view.Identity.IsCidr ? "cidr" : "labels",
            Name = view.Identity.ReservedName ?? "",
        };
        message.Labels.AddRange(view.Labels.Select(label => label.ToString()));
        return message;
    }

    internal static Api.Problem Problem(Policy.Problem problem) => new()
    {
        File = problem.Location?.File ?? "",
        Line = problem.Location?.Line ?? 0,
        Column = problem.Location?.Column ?? 0,
        Message = problem.Message,
        Warning = problem.IsWarning,
        Notice = problem.Severity == Severity.Notice,
        Text = problem.ToString(),
    };

    internal static DocumentChange Document(DocumentOutcome document) =>
        new() { Name = document.Name, Kind = document.Kind, Change = document.Change, Rules = document.Rules, AuditedRules = document.AuditedRules };

    internal static AccessChange Change(PolicyChange change) => new()
    {
        From = change.From.Name,
        To = change.To.Name,
        Ports = change.Ports,
        AllowedBefore = change.AllowedBefore,
        AllowedAfter = change.AllowedAfter,
        Before = change.Before,
        After = change.After,
    };

    internal static Api.Policy Policy(PolicyDocument document, PolicyDesk desk)
    {
        var message = new Api.Policy
        {
            Name = document.Name,
            Kind = document.Kind,
            File = document.SourceFile,
            Line = document.FirstLine,
            Text = document.Text,
            AppliedBy = document.AppliedBy,
            AuditedRules = document.AuditedRules,
            AppliedInAudit = document.AppliedInAudit,
            AppliedAt = document.AppliedAt is { } time ? Timestamp.FromDateTimeOffset(time) : null,
        };
        foreach (Rule rule in document.Rules)
        {
            RuleInfo info = rule.ToInfo();
            info.Endpoints.AddRange(desk.Selected(rule));
            message.Rules.Add(info);
        }

        message.Problems.AddRange(desk.Warnings(document).Select(Problem));

        return message;
    }

    internal static ExplainPolicyResponse Explanation(FlowExplanation explanation, ExplainPolicyRequest request)
    {
        Api.ExplainedWay[] ways = [.. explanation.Ways.Select(Way)];
        Api.ExplainedWay first = ways.FirstOrDefault(way => !way.Allowed) ?? ways[0];
        return new ExplainPolicyResponse
        {
            Allowed = explanation.Allowed,
            Audited = explanation.Allowed && ways.Any(way => way.Audited),
            From = request.From,
            To = request.To,
            Port = request.Port,
            Egress = first.Egress,
            Ingress = first.Ingress,
            Obstacle = first.Obstacle,
            DropReason = first.DropReason,
            Service = explanation.Service,
            Ways = { ways },
        };
    }

    private static Api.ExplainedWay Way(Control.Policies.ExplainedWay way) => new()
    {
        To = way.To,
        Allowed = way.Allowed,
        Audited = way.Allowed && way.Explanation is { IsAudited: true },
        Egress = way.Explanation is null ? null : Judgement(way.Explanation.Egress),
        Ingress = way.Explanation is null ? null : Judgement(way.Explanation.Ingress),
        Obstacle = way.Obstacle?.Text ?? "",
        DropReason = way.Obstacle is { Reason: not DropReason.None } obstacle ? DropReasons.Name(obstacle.Reason) : "",
        Note = way.Note,
    };

    private static EndJudgement Judgement(EndExplanation end) => new()
    {
        Allowed = end.Allowed,
        Enforced = end.Decision.Enforced,
        Text = end.Text,
        Rule = end.Rule?.ToInfo(),
        Nearest = end.Nearest?.Rule.ToInfo(),
        NearestText = end.Nearest?.Text ?? "",
    };
}
