// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Weir.Cli;

/// <summary>The tree of commands.</summary>
public static class CommandLine
{
    /// <param name="local">Commands that do not ask the agent.</param>
    public static RootCommand Build(IEnumerable<Command> local)
    {
        ArgumentNullException.ThrowIfNull(local);
        var root = new RootCommand("Weir: network security for containers, by identity, in the kernel.");
        GlobalOptions.AddTo(root);
        foreach (Command command in local)
        {
            root.Subcommands.Add(command);
        }

        root.Subcommands.Add(StatusCommand.Build());
        root.Subcommands.Add(EndpointCommands.Build());
        root.Subcommands.Add(IdentityCommands.Build());
        root.Subcommands.Add(PolicyCommands.Build());
        root.Subcommands.Add(ExplainCommand.Build());
        root.Subcommands.Add(ServiceCommands.Build());
        root.Subcommands.Add(NodeCommands.Build());
        root.Subcommands.Add(NetworkCommands.Build());
        root.Subcommands.Add(PublishCommands.Build());
        root.Subcommands.Add(PrefilterCommands.Build());
        root.Subcommands.Add(MonitorCommand.Build());
        root.Subcommands.Add(FlowsCommand.Build());
        root.Subcommands.Add(TopCommand.Build());
        root.Subcommands.Add(DatapathCommands.Ip());
        root.Subcommands.Add(DatapathCommands.Conntrack());
        root.Subcommands.Add(DatapathCommands.Map());
        root.Subcommands.Add(DatapathCommands.Metrics());
        root.Subcommands.Add(VersionCommand.Build());
        root.Subcommands.Add(CompletionCommand.Build());
        root.WithExample("sudo weir agent &", "weir endpoint list", "weir policy apply -f policy.yaml", "weir monitor --type drop");
        root.Options.OfType<VersionOption>().Single().Action = new VersionAction();

        // The library's own has "/?" and "-?" too, which completion would offer.
        root.Options.Remove(root.Options.OfType<HelpOption>().Single());
        root.Options.Add(new HelpOption("--help", "-h"));
        Examples.Show(root);
        return root;
    }

    /// <summary>Runs what the arguments say, and returns the exit code. Nothing that goes wrong on the way is told by a
    /// stack trace.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ArgumentNullException.ThrowIfNull(root);
        ArgumentNullException.ThrowIfNull(args);
        ParseResult parsed = root.Parse(HelpWord.Replace(root, args));
        try
        {
            return parsed.Action is ParseErrorAction ? await RefuseAsync(root, parsed) : await InvokeAsync(parsed);
        }
        catch (IOException e)
        {
            return FailOutput(e);
        }
        catch (UnauthorizedAccessException e) when (e.InnerException is IOException cause)
        {
            return FailOutput(cause); // the console's way to say that there is none
        }
    }

    private static async Task<int> RefuseAsync(RootCommand root, ParseResult parsed)
    {
        if (parsed.UnmatchedTokens.Count == 0 && parsed.CommandResult.Command.Subcommands.Count > 0)
        {
            // "weir policy": a question, not a mistake.
            await InvokeAsync(root.Parse([.. parsed.CommandResult.Command.PathBelowRoot(), "--help"]));
            return ExitCodes.BadInput;
        }

        foreach (string line in UsageErrors.Describe(parsed))
        {
            await Console.Error.WriteLineAsync(line);
        }

        return ExitCodes.BadInput;
    }

    private static Task<int> InvokeAsync(ParseResult parsed) =>
        parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

    /// <summary>Whatever else reads or writes has an answer to its own failures: this is standard output's.</summary>
    private static int FailOutput(IOException e)
    {
        try
        {
            Console.Error.WriteLine($"weir: the output cannot be written: {e.Message}");
        }
        catch (Exception again) when (again is IOException or UnauthorizedAccessException)
        {
            // Nobody can be told: the exit code says it.
        }

        return ExitCodes.Failed;
    }

    /// <summary>"--version": needs no agent, as "weir version" does.</summary>
    private sealed class VersionAction : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            Console.WriteLine($"weir {ProductVersion.Text}");
            return ExitCodes.Fine;
        }
    }
}
