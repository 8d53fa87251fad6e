// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir node …".</summary>
internal static class NodeCommands
{
    internal static Command Build() => new("node", "The hosts of the cluster.") { List(), Forget() };

    private static Command List()
    {
        var command = new Command("list", "Show every node, how it stands, and the way to it as measured from this host.");
        command.Many(
            (agent, _) => agent.ListNodesAsync(new ListNodesRequest()),
            answer => answer.Nodes,
            ["NAME", "ADDRESS", "STATE", "WAY", "ROUND TRIP", "ENDPOINTS", "POLICY", "AGENT", "SINCE", "HEARD"],
            node =>
            [
                node.Self ? $"{node.Name} (this)" : node.Name, node.Address, State(node), node.Self ? "-" : node.Way, node.RoundTripMs > 0 ? $"{node.RoundTripMs:F2} ms" : "-",
                $"{node.Endpoints}", Policy(node), node.Version, $"{node.Started.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss}Z", Heard(node),
            ],
            answer => $"cluster: {answer.State}",
            ofNodes: true);
        return command.WithExample("weir node list", "weir node list -o json", "weir node list --all-nodes");
    }

    private static Command Forget()
    {
        var command = new Command("forget", "Have all nodes forget one that is silent and will not come back: its containers' addresses are nobody's then.");
        Argument<string> name = new("name") { Description = "of a node" };
        command.Arguments.Add(name);
        command.One((agent, parsed) => agent.ForgetNodeAsync(new ForgetNodeRequest { Name = parsed.GetRequiredValue(name) }), (_, parsed) => Console.WriteLine($"node {parsed.GetValue(name)}: forgotten"));
        return command.WithExample("weir node forget host3");
    }

    private static string Heard(Node node) => node.Silence is null ? "now" : $"{node.Silence.Seconds} s ago";

    /// <summary>"ready", "unreachable for 12 s (no route to host)".</summary>
    private static string State(Node node)
    {
        string problem = node.StateProblem.Length > 0 ? $" ({node.StateProblem})" : "";
        return node.State == "unreachable" && node.StateSince is { } since ? $"{node.State} for {Age(since.ToDateTimeOffset())}{problem}" : node.State;
    }

    private static string Age(DateTimeOffset since) => (TimeProvider.System.GetUtcNow() - since) switch
    {
        { TotalMinutes: < 2 } age => $"{Math.Max(0, age.TotalSeconds):F0} s",
        { TotalHours: < 2 } age => $"{age.TotalMinutes:F0} min",
        var age => $"{age.TotalHours:F0} h",
    };

    private static string Policy(Node node) =>
        node.PolicyProblem.Length > 0 ? $"{node.PolicyRevision} not in force: {node.PolicyProblem}" : node.PolicyRevision == 0 ? "-" : $"{node.PolicyRevision}";
}
