// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Cli;
using Weir.Linux;
using Weir.Net;
using Weir.Store;

namespace Weir.Agent;

/// <summary>"weir agent": runs the agent in the foreground.</summary>
internal static class AgentCommand
{
    internal static Command Build()
    {
        var command = new Command("agent", "Run the agent in the foreground (as root).");
        var flags = new AgentFlags(command, _ => true);
        command.SetAction(async (parsed, _) => flags.Read(parsed, "weir agent") is { } config ? await RunAsync(config) : ExitCodes.BadInput);
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
        catch (StoreDamagedException e)
        {
            await Console.Error.WriteLineAsync($"weir agent: {e.Message} The agent does not start; what is in the kernel stays in force.");
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            await Console.Error.WriteLineAsync($"weir agent: {e.Message}");
        }

        return ExitCodes.Failed;
    }
}
