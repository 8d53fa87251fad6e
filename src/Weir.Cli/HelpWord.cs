// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Cli;

/// <summary>"help" as a word: "weir help", "weir help policy apply", "weir policy help", "weir status help".</summary>
internal static class HelpWord
{
    private const string Word = "help";

    /// <summary>The arguments with --help where the word asks for it. What a command takes as a name stays one:
    /// "weir endpoint get help".</summary>
    internal static string[] Replace(RootCommand root, string[] args)
    {
        Command command = root;
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] == Word && command.Arguments.Count == 0)
            {
                // Before or after the command: "weir help policy" is "weir policy help".
                return [.. args[..i], .. args[(i + 1)..].Where(arg => arg != Word), "--help"];
            }

            if (command.Subcommands.FirstOrDefault(sub => sub.Name == args[i]) is not { } next)
            {
                break;
            }

            command = next;
        }

        return args;
    }
}
