// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Grpc.Core;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir version".</summary>
internal static class VersionCommand
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(2);

    internal static Command Build()
    {
        var command = new Command("version", "Show this command's version, and the agent's if it runs.");
        command.SetAction((parsed, _) => AgentClient.AskAsync(parsed, async agent =>
        {
            string running;
            try
            {
                running = (await agent.GetStatusAsync(new GetStatusRequest(), deadline: DateTime.UtcNow + _patience)).Version;
            }
            catch (RpcException e)
            {
                // Its absence is no failure here.
                running = CallErrors.IsDenied(e) ? "no permission to ask it" : e.StatusCode == StatusCode.DeadlineExceeded ? "gives no answer" : "not running";
            }

            Console.WriteLine(GlobalOptions.IsJson(parsed)
                ? $$"""{"client": "{{ProductVersion.Text}}", "agent": "{{running}}"}"""
                : $"weir {ProductVersion.Text} (agent: {running})");
            return ExitCodes.Fine;
        }));
        return command.WithExample("weir version");
    }
}
