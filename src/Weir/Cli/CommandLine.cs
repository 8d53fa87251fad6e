// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Invocation;
using Weir.Agent;

namespace Weir.Cli;

/// <summary>The tree of commands.</summary>
internal static class CommandLine
{
    internal static RootCommand Build()
    {
        var root = new RootCommand("Weir: network security for containers, by identity, in the kernel.");
        GlobalOptions.AddTo(root);
        root.Subcommands.Add(AgentCommand.Build());
        root.Subcommands.Add(ProxyCommand.Build());
        root.Subcommands.Add(CheckCommand.Build());
        root.Subcommands.Add(StatusCommand.Build());
        root.Subcommands.Add(EndpointCommands.Build());
        root.Subcommands.Add(IdentityCommands.Build());
        root.Subcommands.Add(PolicyCommands.Build());
        root.Subcommands.Add(ServiceCommands.Build());
        root.Subcommands.Add(PublishCommands.Build());
        root.Subcommands.Add(PrefilterCommands.Build());
        root.Subcommands.Add(MonitorCommand.Build());
        root.Subcommands.Add(DatapathCommands.Ip());
        root.Subcommands.Add(DatapathCommands.Conntrack());
        root.Subcommands.Add(DatapathCommands.Map());
        root.Subcommands.Add(DatapathCommands.Metrics());
        root.Subcommands.Add(CleanupCommand.Build());
        root.Subcommands.Add(VersionCommand.Build());
        root.Subcommands.Add(CompletionCommand.Build());
        root.WithExample("sudo weir agent &", "weir endpoint list", "weir policy apply -f policy.yaml", "weir monitor --type drop");

        // "weir version" tells the agent's too.
        root.Options.Remove(root.Options.OfType<VersionOption>().Single());
        Examples.Show(root);
        return root;
    }

    internal static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Action is not ParseErrorAction)
        {
            return await parsed.InvokeAsync();
        }

        string path = PathOf(parsed.CommandResult.Command);
        if (parsed.UnmatchedTokens.Count == 0 && parsed.CommandResult.Command.Subcommands.Count > 0)
        {
            // "weir policy": a question, not a mistake.
            await root.Parse([.. path.Split(' ')[1..], "--help"]).InvokeAsync();
            return ExitCodes.BadInput;
        }

        // Of a command that is not there, "a command is required" says nothing.
        IEnumerable<string> errors = parsed.Errors.Select(error => error.Message).Distinct();
        foreach (string message in parsed.UnmatchedTokens.Count > 0 ? errors.Where(error => parsed.UnmatchedTokens.Any(error.Contains)) : errors)
        {
            await Console.Error.WriteLineAsync($"weir: {message}");
        }

        foreach (string token in parsed.UnmatchedTokens.Take(1))
        {
            if (Nearest(token, parsed) is { } nearest)
            {
                await Console.Error.WriteLineAsync($"did you mean '{nearest}'?");
            }
        }

        await Console.Error.WriteLineAsync($"try: {path} --help");
        return ExitCodes.BadInput;
    }

    private static string PathOf(Command command)
    {
        string[] names = [.. command.Parents.OfType<Command>().Take(1).Select(PathOf), command is RootCommand ? "weir" : command.Name];
        return string.Join(' ', names);
    }

    private static string? Nearest(string token, ParseResult parsed) => parsed.CommandResult.Command.Subcommands.Select(c => c.Name)
        .Concat(parsed.CommandResult.Command.Options.Concat(parsed.RootCommandResult.Command.Options).Select(o => o.Name))
        .Select(name => (Name: name, Distance: Distance(token, name)))
        .Where(candidate => candidate.Distance <= Math.Max(2, token.Length / 3))
        .OrderBy(candidate => candidate.Distance)
        .Select(candidate => candidate.Name)
        .FirstOrDefault();

    /// <summary>Levenshtein's.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
