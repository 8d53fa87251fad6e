// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Cli;

/// <summary>Where a command is in the tree.</summary>
internal static class CommandPaths
{
    /// <summary>["policy", "apply"]; empty for the root.</summary>
    internal static string[] PathBelowRoot(this Command command) =>
        command is RootCommand ? [] : [.. command.Parents.OfType<Command>().Take(1).SelectMany(PathBelowRoot), command.Name];

    /// <summary>"weir policy apply".</summary>
    internal static string FullName(this Command command) => string.Join(' ', command.PathBelowRoot().Prepend("weir"));

    /// <summary>All commands below one, without those that only group others.</summary>
    internal static IEnumerable<Command> Leaves(this Command command) =>
        command.Subcommands.SelectMany(sub => sub.Subcommands.Count == 0 ? [sub] : sub.Leaves());
}
