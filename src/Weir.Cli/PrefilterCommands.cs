// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir prefilter …".</summary>
internal static class PrefilterCommands
{
    internal static Command Build() =>
        new("prefilter", "Sources whose packets are dropped at the device, before anything else.") { List(), Add(), Remove() };

    private static Command List()
    {
        var command = new Command("list", "List them.");
        command.Many(
            (agent, _) => agent.ListPrefilterAsync(new ListPrefilterRequest()),
            answer => answer.Rows,
            ["PREFIX"],
            row => [row.Prefix],
            answer => $"{answer.DroppedPackets} packets, {answer.DroppedBytes} bytes dropped");
        return command.WithExample("weir prefilter list");
    }

    private static Command Add()
    {
        var command = new Command("add", "Drop what comes from these addresses or prefixes.");
        Argument<string[]> prefixes = Prefixes();
        command.Arguments.Add(prefixes);
        command.One((agent, parsed) => agent.ChangePrefilterAsync(new ChangePrefilterRequest { Add = { parsed.GetRequiredValue(prefixes) } }), Print);
        return command.WithExample("weir prefilter add 198.51.100.0/24", "weir prefilter add 192.0.2.7 2001:db8:bad::/48");
    }

    private static Command Remove()
    {
        var command = new Command("remove", "Let them through again.");
        Argument<string[]> prefixes = Prefixes().Completes(Completion.Prefilter);
        command.Arguments.Add(prefixes);
        command.One((agent, parsed) => agent.ChangePrefilterAsync(new ChangePrefilterRequest { Remove = { parsed.GetRequiredValue(prefixes) } }), Print);
        return command.WithExample("weir prefilter remove 198.51.100.0/24");
    }

    private static Argument<string[]> Prefixes() =>
        new("prefix") { Arity = ArgumentArity.OneOrMore, Description = "an address, or a prefix such as 198.51.100.0/24" };

    private static void Print(ChangePrefilterResponse answer) =>
        Console.WriteLine($"{answer.Added} added, {answer.Removed} removed; {answer.Total} in all");
}
