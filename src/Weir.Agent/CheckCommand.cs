// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Cli;
using Weir.Control;
using Weir.Control.Host;
using Weir.Datapath;

namespace Weir.Agent;

/// <summary>"weir check": what this kernel offers of what Weir needs, and what about this host limits it.</summary>
internal static class CheckCommand
{
    internal static Command Build()
    {
        var command = new Command("check", "List what Weir needs of this kernel and whether it is there, and what limits it on this host (as root).");
        command.SetAction(parsed =>
        {
            if (!Environment.IsPrivilegedProcess)
            {
                Console.Error.WriteLine("weir check: asking the kernel about BPF needs root: run 'sudo weir check'");
                return ExitCodes.Failed;
            }

            // The agent says what is wrong with its settings; here those that can be read count.
            AgentConfig config = AgentConfigReader.Read(null, Environment.GetEnvironmentVariable, new Dictionary<string, string>(), out _);
            IReadOnlyList<DatapathRequirement> outcome = DatapathCheck.Run(config.Datapath);
            IReadOnlyList<HostLimit> limits = HostLimits.Find(config.Control);
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ToJson(outcome, limits));
            }
            else
            {
                foreach (DatapathRequirement requirement in outcome)
                {
                    Console.WriteLine(requirement.Problem is null ? $"ok       {requirement.Name}" : $"missing  {requirement.Name}: {requirement.Problem}");
                }

                foreach (HostLimit limit in limits)
                {
                    Console.WriteLine($"limit    {limit}");
                }
            }

            return outcome.All(requirement => requirement.Problem is null) ? ExitCodes.Fine : ExitCodes.Failed;
        });
        return command.WithExample("sudo weir check");
    }

    private static string ToJson(IReadOnlyList<DatapathRequirement> outcome, IReadOnlyList<HostLimit> limits) => JsonText.Write(json =>
    {
        json.WriteStartArray();
        foreach (DatapathRequirement requirement in outcome)
        {
            json.WriteStartObject();
            json.WriteString("name", requirement.Name);
            json.WriteBoolean("ok", requirement.Problem is null);
            json.WriteString("problem", requirement.Problem);
            json.WriteEndObject();
        }

        foreach (HostLimit limit in limits)
        {
            json.WriteStartObject();
            json.WriteString("name", limit.What);
            json.WriteBoolean("ok", true);
            json.WriteString("limit", limit.Consequence);
            json.WriteString("remedy", limit.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
