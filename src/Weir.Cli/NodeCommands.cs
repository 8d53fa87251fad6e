// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir node …".</summary>
internal static class NodeCommands
{
    internal static Command Build() => new("node", "The hosts of the cluster.") { List() };

    private static Command List()
    {
        var command = new Command("list", "Show every node that is alive, and the way to it.");
        command.Many(
            (agent, _) => agent.ListNodesAsync(new ListNodesRequest()),
            answer => answer.Nodes,
            ["NAME", "ADDRESS", "WAY", "ENDPOINTS", "POLICY", "AGENT", "SINCE"],
            node => [node.Self ? $"{node.Name} (this)" : node.Name, node.Address, node.Self ? "-" : node.Way, $"{node.Endpoints}", Policy(node), node.Version, $"{node.Started.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss}Z"],
            answer => $"cluster: {answer.State}");
        return command.WithExample("weir node list", "weir node list -o json");
    }

    private static string Policy(Node node) =>
        node.PolicyProblem.Length > 0 ? $"{node.PolicyRevision} not in force: {node.PolicyProblem}" : node.PolicyRevision == 0 ? "-" : $"{node.PolicyRevision}";
}
