// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Agent;

namespace Weir.Cli;

/// <summary>Options of every command.</summary>
internal static class GlobalOptions
{
    internal static Option<string?> Socket { get; } = new("--socket")
    {
        Description = $"where the agent is reached [$WEIR_SOCKET; {AgentConfig.DefaultSocket}]",
        Recursive = true,
    };

    private static Option<string> Output { get; } = MakeOutput();

    internal static void AddTo(Command root)
    {
        root.Options.Add(Socket);
        root.Options.Add(Output);
    }

    internal static bool IsJson(ParseResult parsed) => parsed.GetValue(Output) == "json";

    /// <summary>Whether tables show in full what they cut otherwise.</summary>
    internal static bool IsWide(ParseResult parsed) => parsed.GetValue(Output) == "wide";

    internal static string SocketPath(ParseResult parsed) =>
        parsed.GetValue(Socket)
        ?? (Environment.GetEnvironmentVariable("WEIR_SOCKET") is { Length: > 0 } path ? path : AgentConfig.DefaultSocket);

    private static Option<string> MakeOutput()
    {
        var option = new Option<string>("--output", "-o")
        {
            Description = "table, wide (a table with labels in full) or json",
            Recursive = true,
            DefaultValueFactory = _ => "table",
        };
        option.AcceptOnlyFromAmong("table", "wide", "json");
        return option;
    }
}
