// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace Weir.Cli;

/// <summary>Examples at the end of a command's --help.</summary>
public static class Examples
{
    private static readonly ConditionalWeakTable<Command, string[]> _examples = [];

    public static Command WithExample(this Command command, params string[] lines)
    {
        _examples.Add(command, lines);
        return command;
    }

    /// <summary>Makes --help of the whole tree print them.</summary>
    internal static void Show(RootCommand root)
    {
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
    }

    private sealed class HelpWithExamples(HelpAction inner) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            int code = inner.Invoke(parseResult);
            Console.WriteLine("Examples:");
            foreach (string line in ExamplesOf(parseResult.CommandResult.Command))
            {
                Console.WriteLine("  " + line);
            }

            return code;
        }

        /// <summary>A command that only groups others shows the first of each.</summary>
        private static IEnumerable<string> ExamplesOf(Command command) =>
            _examples.TryGetValue(command, out string[]? lines) ? lines : command.Subcommands.SelectMany(sub => ExamplesOf(sub).Take(1));
    }
}
