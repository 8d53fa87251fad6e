// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir identity …".</summary>
internal static class IdentityCommands
{
    internal static Command Build() => new("identity", "Numbers that stand for labels.") { List(), Get() };

    private static Command List()
    {
        var command = new Command("list", "List identities.");
        Option<string[]> labels = Labels.Option();
        command.Options.Add(labels);
        command.Many(
            (agent, parsed) => agent.ListIdentitiesAsync(new ListIdentitiesRequest { Labels = { parsed.GetValue(labels) ?? [] } }),
            response => response.Identities,
            ["IDENTITY", "KIND", "ENDPOINTS", "LABELS"],
            (identity, isWide) => [$"{identity.Identity}", identity.Kind, $"{identity.Endpoints}", isWide ? Labels.Short(identity.Labels) : Labels.Cut(identity.Labels)]);
        return command.WithExample("weir identity list", "weir identity list -l app=shop");
    }

    private static Command Get()
    {
        var command = new Command("get", "Show one identity.");
        var number = new Argument<string>("identity") { Description = "number or reserved name" }.Completes(Completion.Identities);
        command.Arguments.Add(number);
        command.One(
            (agent, parsed) => agent.GetIdentityAsync(new GetIdentityRequest { Identity = parsed.GetRequiredValue(number) }),
            identity => TextTable.PrintPairs(
            [
                ("Identity", $"{identity.Identity}"),
                ("Kind", identity.Kind),
                ("Labels", string.Join(", ", identity.Labels)),
                ("Endpoints", $"{identity.Endpoints}"),
            ]));
        return command.WithExample("weir identity get 256", "weir identity get world");
    }
}
