// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir network …".</summary>
internal static class NetworkCommands
{
    internal static Command Build() => new("network", "Networks that all nodes of the cluster have.") { List(), Create(), Delete(), Names() };

    private static Command List()
    {
        var command = new Command("list", "Show them, and which node gives addresses from which block.");
        command.Many(
            (agent, _) => agent.ListNetworksAsync(new ListNetworksRequest()),
            answer => answer.Networks,
            ["NAME", "RANGE", "INTERNAL", "ENDPOINTS", "BLOCKS"],
            network => [network.Name, string.Join(' ', network.Ranges), network.Internal ? "yes" : "no", $"{network.Endpoints}", string.Join(' ', network.Blocks.Select(block => $"{block.Node}:{block.Block}"))]);
        return command.WithExample("weir network list", "weir network list -o json");
    }

    private static Command Create()
    {
        var command = new Command("create", "Make a network on every node, and on those that join later: Docker knows it by this name.");
        Argument<string> name = Name();
        Option<string[]> subnets = new("--subnet") { Description = "its range, one of a family at most; each node takes a block of it", Required = true };
        Option<bool> isInternal = new("--internal") { Description = "neither hosts nor the outside world" };
        Option<int> mtu = new("--mtu") { Description = "of its containers' links, in bytes [each agent's]" };
        command.Arguments.Add(name);
        command.Options.Add(subnets);
        command.Options.Add(isInternal);
        command.Options.Add(mtu);
        command.One(
            (agent, parsed) => agent.CreateNetworkAsync(new CreateNetworkRequest
            {
                Name = parsed.GetRequiredValue(name),
                Subnets = { parsed.GetValue(subnets) ?? [] },
                Internal = parsed.GetValue(isInternal),
                Mtu = parsed.GetValue(mtu),
            }),
            answer => Console.WriteLine($"network {answer.Network.Name}: made, with {string.Join(", ", answer.Network.Ranges)}; every node takes a block of it"));
        return command.WithExample("weir network create app --subnet 10.40.0.0/16", "weir network create app --subnet 10.40.0.0/16 --subnet fd40::/64");
    }

    private static Command Delete()
    {
        var command = new Command("delete", "Take a network from every node; no container may be on it.");
        Argument<string> name = Name().Completes(Completion.Networks);
        command.Arguments.Add(name);
        command.One((agent, parsed) => agent.DeleteNetworkAsync(new DeleteNetworkRequest { Name = parsed.GetRequiredValue(name) }), (_, parsed) => Console.WriteLine($"network {parsed.GetValue(name)}: deleted"));
        return command.WithExample("weir network delete app");
    }

    private static Command Names()
    {
        var command = new Command("names", "Show the names that a network's containers are answered for on this host: by themselves, and with the network's name behind a dot.");
        Argument<string> name = Name().Completes(Completion.Networks);
        command.Arguments.Add(name);
        command.Many(
            (agent, parsed) => agent.ListNamesAsync(new ListNamesRequest { Network = parsed.GetRequiredValue(name) }),
            answer => answer.Names,
            ["NAME", "ADDRESSES", "OF"],
            known => [known.Name, string.Join(' ', known.Addresses.Select(one => one.Address)), string.Join(' ', known.Addresses.Select(one => known.Service ? $"service {one.Of}" : $"{one.Node}/{one.Of}").Distinct())]);
        return command.WithExample("weir network names app", "weir network names app -o json");
    }

    private static Argument<string> Name() => new("name") { Description = "of a network" };
}
