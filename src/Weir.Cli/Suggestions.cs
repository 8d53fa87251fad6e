// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Policy.Reading;

namespace Weir.Cli;

/// <summary>What somebody most likely meant who named a command or an option that is not there.</summary>
internal static class Suggestions
{
    private const int Most = 3;

    /// <summary>What other tools call what is there under another name.</summary>
    private static readonly Dictionary<string, string[]> _elsewhere = new(StringComparer.OrdinalIgnoreCase)
    {
        ["log"] = ["monitor", "endpoint log"],
        ["logs"] = ["monitor", "endpoint log"],
        ["observe"] = ["monitor"],
        ["history"] = ["flows", "policy history"],
        ["events"] = ["monitor"],
        ["tail"] = ["monitor"],
        ["watch"] = ["monitor"],
        ["trace"] = ["explain", "monitor --type trace"],
        ["why"] = ["explain"],
        ["can"] = ["explain"],
        ["ps"] = ["endpoint list"],
        ["container"] = ["endpoint list"],
        ["containers"] = ["endpoint list"],
        ["ls"] = ["endpoint list"],
        ["conntrack"] = ["ct list"],
        ["lb"] = ["service list"],
        ["bpf"] = ["map list"],
        ["ports"] = ["publish list"],
        ["start"] = ["agent"],
        ["run"] = ["agent"],
        ["daemon"] = ["agent"],
        ["uninstall"] = ["cleanup"],
        ["reset"] = ["cleanup"],
        ["doctor"] = ["check", "status"],
        ["info"] = ["status"],
    };

    /// <summary>The same within a group of commands.</summary>
    private static readonly Dictionary<string, string[]> _verbs = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ls"] = ["list", "get"],
        ["list"] = ["get"],
        ["show"] = ["get", "list"],
        ["describe"] = ["get"],
        ["inspect"] = ["get"],
        ["rm"] = ["delete", "remove", "deny"],
        ["remove"] = ["delete"],
        ["delete"] = ["remove"],
        ["create"] = ["apply", "add", "allow"],
        ["add"] = ["apply", "update"],
        ["set"] = ["apply", "update"],
        ["check"] = ["validate"],
        ["lint"] = ["validate"],
        ["open"] = ["allow"],
        ["close"] = ["deny"],
        ["logs"] = ["log"],
    };

    /// <summary>Commands as they are to be typed, or options; empty: nothing is near.</summary>
    /// <param name="tokens">What was not understood, and what stood behind it.</param>
    internal static IReadOnlyList<string> For(IReadOnlyList<string> tokens, Command command, Command root)
    {
        string written = tokens[0];
        if (written.StartsWith('-'))
        {
            IEnumerable<string> options = command.Options.Concat(root.Options.Where(option => option.Recursive)).Select(option => option.Name);
            return NearestName.Find(written, options) is { } option ? [option] : [];
        }

        string[] here = [.. command.Subcommands.Select(sub => sub.Name)];
        string[] same = [.. _verbs.GetValueOrDefault(written, []).Intersect(here).Take(1)];
        string? near = NearestName.Find(written, here);
        string[] found =
        [
            .. command == root && tokens.Count > 1 ? Turned(written, tokens[1], root) : [],
            .. same.Concat(near is null ? [] : [near]).Select(name => $"{command.FullName()} {name}"),
            .. command == root ? _elsewhere.GetValueOrDefault(written, []).Select(path => $"weir {path}") : [],
            .. Anywhere(written, root),
        ];
        return [.. found.Where(text => text != command.FullName()).Distinct().Take(Most)];
    }

    /// <summary>"get endpoints" is "endpoint get".</summary>
    private static IEnumerable<string> Turned(string verb, string noun, Command root) =>
        NearestName.Find(noun, root.Subcommands.Where(group => group.Subcommands.Count > 0).Select(group => group.Name)) is { } near
        && root.Subcommands.Single(group => group.Name == near).Subcommands.FirstOrDefault(sub => sub.Name == verb || _verbs.GetValueOrDefault(verb, []).Contains(sub.Name)) is { } found
            ? [found.FullName()]
            : [];

    /// <summary>Commands of that name at any level: "explain" is "policy explain".</summary>
    private static IEnumerable<string> Anywhere(string written, Command root)
    {
        Command[] leaves = [.. root.Leaves()];
        string[] exact = [.. leaves.Where(leaf => leaf.Name.Equals(written, StringComparison.OrdinalIgnoreCase)).Select(leaf => leaf.FullName())];
        if (exact.Length > 0)
        {
            // "list" is everywhere, and so says nothing.
            return exact.Length <= Most ? exact : [];
        }

        return NearestName.Find(written, leaves.Select(leaf => leaf.Name).Distinct()) is { } near && leaves.Count(leaf => leaf.Name == near) <= Most
            ? leaves.Where(leaf => leaf.Name == near).Select(leaf => leaf.FullName())
            : [];
    }
}
