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
        var command = new Command("list", "Show every node, and the way to it.");
        command.Many(
            (agent, _) => agent.ListNodesAsync(new ListNodesRequest()),
            answer => answer.Nodes,
            ["NAME", "ADDRESS", "WAY", "ENDPOINTS", "POLICY", "AGENT", "SINCE", "HEARD"],
            node => [node.Self ? $"{node.Name} (this)" : node.Name, node.Address, node.Self ? "-" : node.Way, $"{node.Endpoints}", Policy(node), node.Version, $"{node.Started.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss}Z", Heard(node)],
            answer => $"cluster: {answer.State}");
        return command.WithExample("weir node list", "weir node list -o json");
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

    private static string Policy(Node node) =>
        node.PolicyProblem.Length > 0 ? $"{node.PolicyRevision} not in force: {node.PolicyProblem}" : node.PolicyRevision == 0 ? "-" : $"{node.PolicyRevision}";
}
