// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir publish …".</summary>
internal static class PublishCommands
{
    internal static Command Build() =>
        new("publish", "Who comes in by published ports (docker run -p), beside this host and its containers.") { List(), Allow(), Deny() };

    private static Command List()
    {
        var command = new Command("list", "Show every published port: to whom it is open, and what opens it.");
        command.One((agent, _) => agent.ListPublishedAsync(new ListPublishedRequest()), Print);
        return command.WithExample("weir publish list", "weir publish list -o json");
    }

    private static Command Allow()
    {
        var command = new Command("allow", "Open a published port to outsiders; also for a later container of that name.");
        Argument<string> container = Container();
        Argument<string> port = Port();
        Option<string[]> from = From("to these alone: an address, a prefix such as 198.51.100.0/24, or world; several with commas [world]");
        command.Arguments.Add(container);
        command.Arguments.Add(port);
        command.Options.Add(from);
        command.One((agent, parsed) => agent.ChangePublishAsync(RequestOf(parsed, container, port, from, deny: false)), answer => Print(answer.Port));
        return command.WithExample("weir publish allow web 8080", "weir publish allow web 8080 --from 198.51.100.0/24", "weir publish allow dns 53/udp --from 10.0.0.0/8,2001:db8::/32");
    }

    private static Command Deny()
    {
        var command = new Command("deny", "Take back what 'weir publish allow' opened; connections that came in by it end.");
        Argument<string> container = Container();
        Argument<string> port = Port();
        Option<string[]> from = From("only these, as they were allowed; several with commas [all]");
        command.Arguments.Add(container);
        command.Arguments.Add(port);
        command.Options.Add(from);
        command.One(
            (agent, parsed) => agent.ChangePublishAsync(RequestOf(parsed, container, port, from, deny: true)),
            (answer, parsed) =>
            {
                if (answer.Port is { } left)
                {
                    Print(left);
                }
                else
                {
                    Console.WriteLine($"{parsed.GetValue(port)} of {parsed.GetValue(container)}: taken back");
                }
            });
        return command.WithExample("weir publish deny web 8080", "weir publish deny web 8080 --from 198.51.100.0/24");
    }

    private static ChangePublishRequest RequestOf(ParseResult parsed, Argument<string> container, Argument<string> port, Option<string[]> from, bool deny) => new()
    {
        Container = parsed.GetRequiredValue(container),
        Port = parsed.GetRequiredValue(port),
        From = { (parsed.GetValue(from) ?? []).SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries)) },
        Deny = deny,
    };

    private static Argument<string> Container() => new Argument<string>("name") { Description = "of a container" }.Completes(Completion.Publishers);

    private static Argument<string> Port() =>
        new Argument<string>("port") { Description = "the host's, as in docker run -p: 8080, 8080/tcp, 53/udp" }.Completes(Completion.PublishedPorts);

    private static Option<string[]> From(string meaning) => new("--from") { Description = meaning };

    private static void Print(PublishedPort port) =>
        Console.WriteLine($"{Text(port)} of {port.Container}: {(port.Open.Count == 0 ? Nobody(port) : string.Join("; ", port.Open.Select(door => $"open to {door.To} ({Why(door)})")))}");

    private static void Print(ListPublishedResponse answer)
    {
        TextTable.Print(["CONTAINER", "PORT", "TO", "OPEN TO", "WHY"], answer.Ports.SelectMany(Rows));
        Console.WriteLine($"published-ports: {answer.Setting}");
        foreach (PublishAllowance unused in answer.Unused)
        {
            Console.WriteLine(TextTable.OneLine(
                $"allowed, but not published now: {unused.HostPort}/{unused.Protocol} of {unused.Container} to {string.Join(", ", unused.From)}; 'weir publish deny {unused.Container} {unused.HostPort}/{unused.Protocol}' takes it back"));
        }

        if (answer.RoutedNetworks.Count > 0)
        {
            Console.WriteLine(TextTable.OneLine($"routed: outsiders with a route reach every port of the containers on {string.Join(", ", answer.RoutedNetworks)}"));
        }
    }

    private static IEnumerable<string[]> Rows(PublishedPort port) => port.Open.Count == 0
        ? [[port.Container, Text(port), $"{port.ContainerPort}", Nobody(port), "nothing opens it"]]
        : port.Open.Select(door => new[] { port.Container, Text(port), $"{port.ContainerPort}", door.To, Why(door) });

    private static string Nobody(PublishedPort port) =>
        System.Net.IPAddress.TryParse(port.HostAddress, out System.Net.IPAddress? address) && System.Net.IPAddress.IsLoopback(address) ? "this host" : "this host, its containers";

    private static string Why(OpenDoor door) => door.DeniedByPolicy ? $"{door.Why}; but policy denies it" : door.Why;

    private static string Text(PublishedPort port) =>
        $"{(port.HostAddress.Contains(':', StringComparison.Ordinal) ? $"[{port.HostAddress}]" : port.HostAddress)}:{port.HostPort}/{port.Protocol}";
}
