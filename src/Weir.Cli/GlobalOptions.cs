// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Services.Reading;

namespace Weir.Cli;

/// <summary>Options of every command.</summary>
public static class GlobalOptions
{
    public static Option<string?> Socket { get; } = new("--socket")
    {
        Description = $"where the agent is reached [$WEIR_SOCKET; {AgentSocket.Default}]",
        Recursive = true,
    };

    private static Option<string> Output { get; } = MakeOutput();

    private static Option<string> Timeout { get; } = new Option<string>("--timeout")
    {
        Description = "how long to wait for the agent's answer, such as 10s or 1m; what follows events goes on",
        Recursive = true,
        DefaultValueFactory = _ => "30s",
    }.IsDuration();

    internal static void AddTo(Command root)
    {
        root.Options.Add(Socket);
        root.Options.Add(Output);
        root.Options.Add(Timeout);
    }

    /// <summary>How long an answer may take.</summary>
    internal static TimeSpan Patience(ParseResult parsed)
    {
        // Checked before.
        _ = Duration.TryParse(parsed.GetValue(Timeout)!, out TimeSpan patience);
        return patience;
    }

    public static bool IsJson(ParseResult parsed) => parsed.GetValue(Output) == "json";

    /// <summary>Whether tables show in full what they cut otherwise.</summary>
    internal static bool IsWide(ParseResult parsed) => parsed.GetValue(Output) == "wide";

    internal static string SocketPath(ParseResult parsed) =>
        parsed.GetValue(Socket)
        ?? (Environment.GetEnvironmentVariable("WEIR_SOCKET") is { Length: > 0 } path ? path : AgentSocket.Default);

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
