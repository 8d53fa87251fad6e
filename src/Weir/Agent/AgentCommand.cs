// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Cli;
using Weir.Control;
using Weir.Datapath;
using Weir.Linux;
using Weir.Store;

namespace Weir.Agent;

/// <summary>"weir agent": runs the agent in the foreground.</summary>
internal static class AgentCommand
{
    internal static Command Build()
    {
        var command = new Command("agent", "Run the agent in the foreground (as root).");
        var file = new Option<string?>("--config") { Description = $"settings as YAML; {AgentConfig.DefaultFile} if that is there" };
        command.Options.Add(file);
        Dictionary<AgentSetting, Option<string?>> flags = [];
        foreach (AgentSetting setting in AgentSetting.All)
        {
            if (setting.Name == "socket")
            {
                flags[setting] = GlobalOptions.Socket; // every command has it
                continue;
            }

            flags[setting] = new Option<string?>("--" + setting.Name)
            {
                Description = $"{setting.Meaning} [${setting.Variable}; {(setting.Default.Length > 0 ? setting.Default : "none")}]",
            };
            command.Options.Add(flags[setting]);
        }

        command.SetAction(async (parsed, _) =>
        {
            Dictionary<string, string> given = flags
                .Where(flag => parsed.GetResult(flag.Value) is { Implicit: false })
                .ToDictionary(flag => flag.Key.Name, flag => parsed.GetValue(flag.Value) ?? "");
            AgentConfig config = AgentConfigReader.Read(parsed.GetValue(file), Environment.GetEnvironmentVariable, given, out IReadOnlyList<string> problems);
            foreach (string problem in problems)
            {
                await Console.Error.WriteLineAsync($"weir agent: {problem}");
            }

            return problems.Count > 0 ? ExitCodes.BadInput : await RunAsync(config);
        });
        return command.WithExample("sudo weir agent --enforcement always", "sudo weir agent --config /etc/weir/agent.yaml");
    }

    private static async Task<int> RunAsync(AgentConfig config)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            await Console.Error.WriteLineAsync("weir agent: BPF programs and network namespaces need root: run 'sudo weir agent'");
            return ExitCodes.Failed;
        }

        try
        {
            using var agent = new AgentHost(config);
            await agent.RunAsync();
            return ExitCodes.Fine;
        }
        catch (LinuxException e) when (e.Number == Errno.TryAgain)
        {
            await Console.Error.WriteLineAsync($"weir agent: an agent runs already on this host: {e.Message}");
        }
        catch (Exception e) when (e is LinuxException or DatapathException or Bpf.VerifierException or StoreException or ControlException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"weir agent: {e.Message}");
        }

        return ExitCodes.Failed;
    }
}
