// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;
using Endpoint = Weir.Api.Endpoint;

namespace Weir.Cli;

/// <summary>"weir endpoint …".</summary>
internal static class EndpointCommands
{
    internal static Command Build() => new("endpoint", "Containers on weir networks.") { List(), Get(), Log() };

    private static Command List()
    {
        var command = new Command("list", "List endpoints.");
        Option<string[]> labels = Labels.Option();
        command.Options.Add(labels);
        command.Many(
            (agent, parsed) => agent.ListEndpointsAsync(new ListEndpointsRequest { Labels = { parsed.GetValue(labels) ?? [] } }),
            response => response.Endpoints,
            ["ID", "NAME", "STATE", "IDENTITY", "IPV4", "IPV6", "NETWORK", "INGRESS", "EGRESS", "LABELS"],
            (endpoint, isWide) =>
            [
                $"{endpoint.Id}", endpoint.Name, State(endpoint), $"{endpoint.Identity}", endpoint.Ipv4, endpoint.Ipv6, endpoint.Network,
                Enforced(endpoint.IngressEnforced), Enforced(endpoint.EgressEnforced), isWide ? Labels.Short(endpoint.Labels) : Labels.Cut(endpoint.Labels),
            ],
            ofNodes: true);
        return command.WithExample("weir endpoint list", "weir endpoint list -l role=web -o json", "weir endpoint list --all-nodes");
    }

    private static Command Get()
    {
        var command = new Command("get", "Show one endpoint.");
        Argument<string> name = Name();
        command.Arguments.Add(name);
        command.One((agent, parsed) => agent.GetEndpointAsync(new GetEndpointRequest { Endpoint = parsed.GetRequiredValue(name) }), Print, ofNodes: true);
        return command.WithExample("weir endpoint get web", "weir endpoint get 10.210.0.2", "weir endpoint get web --node host2");
    }

    private static Command Log()
    {
        var command = new Command("log", "Show what happened to an endpoint.");
        Argument<string> name = Name();
        command.Arguments.Add(name);
        command.Many(
            (agent, parsed) => agent.GetEndpointLogAsync(new GetEndpointRequest { Endpoint = parsed.GetRequiredValue(name) }),
            log => log.Entries,
            ["TIME", "WHAT"],
            entry => [$"{entry.Time.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss.fff}", entry.Text],
            ofNodes: true);
        return command.WithExample("weir endpoint log web");
    }

    private static Argument<string> Name() =>
        new Argument<string>("endpoint") { Description = "number, container name, start of an id, or address" }.Completes(Completion.Endpoints);

    private static string State(Endpoint endpoint) => endpoint.Degraded.Length > 0 ? "degraded" : endpoint.State;

    private static string Enforced(bool isEnforced) => isEnforced ? "enforced" : "open";

    private static IEnumerable<(string, string)> Label(string key, string text, string problem) =>
        text.Length == 0 ? [] : [(key, problem.Length > 0 ? $"{text}: {problem}" : text)];

    private static void Print(Endpoint endpoint) => TextTable.PrintPairs(
    [
        ("Id", $"{endpoint.Id}"),
        ("Name", endpoint.Name),
        ("State", State(endpoint)),
        ("Container", endpoint.ContainerId),
        ("Image", endpoint.Image),
        ("Identity", $"{endpoint.Identity}"),
        ("Labels", string.Join(", ", endpoint.Labels)),
        ("Network", endpoint.Network),
        ("IPv4", endpoint.Ipv4),
        ("IPv6", endpoint.Ipv6),
        ("MAC", endpoint.Mac),
        ("Interface", $"{endpoint.Interface} ({endpoint.Ifindex})"),
        ("Ingress", Enforced(endpoint.IngressEnforced)),
        ("Egress", Enforced(endpoint.EgressEnforced)),
        ("Published", endpoint.Published.Count > 0 ? string.Join(", ", endpoint.Published) : "nothing"),
        .. Label("weir.publish", endpoint.PublishLabel, endpoint.PublishLabelProblem),
        .. endpoint.Addresses.Count > 0 ? new[] { ("Also has", string.Join(", ", endpoint.Addresses)) } : [],
        .. Label("weir.addresses", endpoint.AddressesLabel, endpoint.AddressesLabelProblem),
        ("Policy entries", $"{endpoint.PolicyEntries}"),
        ("Flows", $"{endpoint.Flows}"),
        ("HTTP judged", HttpJudges.Describe(endpoint.HttpFlows, endpoint.HttpProxyFlows)),
        ("Created", $"{endpoint.Created.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss}Z"),
        ("Docker endpoint", endpoint.DockerEndpointId),
        .. endpoint.Degraded.Length > 0 ? new[] { ("Degraded", endpoint.Degraded) } : [],
    ]);
}
