// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir ip", "weir ct", "weir map", "weir metrics": what the kernel holds.</summary>
internal static class DatapathCommands
{
    internal static Command Ip()
    {
        var list = new Command("list", "List addresses and prefixes with their identities.");
        list.Many(
            (agent, _) => agent.ListIpsAsync(new ListIpsRequest()),
            response => response.Ips,
            ["PREFIX", "IDENTITY", "ENDPOINT", "NAME"],
            ip => [ip.Prefix, $"{ip.Identity}", ip.EndpointId == 0 ? "" : $"{ip.EndpointId}", ip.Name],
            ofNodes: true);
        return new Command("ip", "Who stands behind an address.") { list.WithExample("weir ip list", "weir ip list --all-nodes") };
    }

    internal static Command Conntrack()
    {
        var list = new Command("list", "List live flows.");
        var endpoint = new Option<string?>("--endpoint") { Description = "only flows of this endpoint" }.Completes(Completion.Endpoints);
        Option<int> limit = Limit();
        list.Options.Add(endpoint);
        list.Options.Add(limit);
        list.Many(
            (agent, parsed) => agent.ListConntrackAsync(new ListConntrackRequest { Endpoint = parsed.GetValue(endpoint) ?? "", Limit = parsed.GetValue(limit) }),
            response => response.Flows,
            ["PROTOCOL", "SOURCE", "DESTINATION", "STATE", "HTTP", "EXPIRES", "AGE", "PACKETS", "BYTES"],
            (flow, isWide) =>
            [
                flow.Protocol, Flows.End(flow.Source), Flows.BackendEnd(flow.Destination, flow.Service), flow.State,
                isWide && flow.HttpWhy.Length > 0 ? $"{flow.Http}: {flow.HttpWhy}" : flow.Http, $"{flow.ExpiresSeconds:F0} s", $"{flow.AgeSeconds:F0} s", $"{flow.Packets}", $"{flow.Bytes}",
            ],
            response => response.Truncated ? "there are more: raise --limit" : null,
            ofNodes: true);
        return new Command("ct", "Connection tracking.") { list.WithExample("weir ct list", "weir ct list --endpoint web", "weir ct list --node host2") };
    }

    internal static Command Map()
    {
        var list = new Command("list", "List BPF maps.");
        list.Many(
            (agent, _) => agent.ListMapsAsync(new ListMapsRequest()),
            response => response.Maps,
            ["NAME", "TYPE", "KEY", "VALUE", "MAX", "WHAT"],
            map => [map.Name, map.Type, $"{map.KeyBytes}", $"{map.ValueBytes}", $"{map.MaxEntries}", map.What]);

        var dump = new Command("dump", "Show a BPF map's entries.");
        var name = new Argument<string>("map") { Description = "as 'weir map list' names it" }.Completes(Completion.Maps);
        Option<int> limit = Limit();
        dump.Arguments.Add(name);
        dump.Options.Add(limit);
        dump.Many(
            (agent, parsed) => agent.DumpMapAsync(new DumpMapRequest { Name = parsed.GetRequiredValue(name), Limit = parsed.GetValue(limit) }),
            response => response.Rows,
            ["KEY", "VALUE"],
            row => [row.Key, row.Value],
            response => response.Truncated ? "there are more: raise --limit" : null);
        return new Command("map", "BPF maps.") { list.WithExample("weir map list"), dump.WithExample("weir map dump weir_policy") };
    }

    internal static Command Metrics()
    {
        var command = new Command("metrics", "Count packets by what became of them, and requests through the proxy.");
        var prometheus = new Option<bool>("--prometheus") { Description = "in Prometheus' text format" };
        command.Options.Add(prometheus);
        command.One(
            (agent, _) => agent.GetMetricsAsync(new GetMetricsRequest()),
            (metrics, parsed) =>
            {
                if (parsed.GetValue(prometheus))
                {
                    Console.Write(PrometheusText.Write(metrics));
                }
                else
                {
                    Print(metrics);
                }
            });
        return command.WithExample("weir metrics", "weir metrics -o json", "weir metrics --prometheus");
    }

    private static void Print(Metrics metrics)
    {
        TextTable.Print(
            ["DIRECTION", "REASON", "PACKETS", "BYTES", "MEANING"],
            metrics.Rows.Select(row => new[] { row.Direction, row.Reason, $"{row.Packets}", $"{row.Bytes}", row.Explanation }));
        if (metrics.EventsLost > 0)
        {
            Console.WriteLine($"{metrics.EventsLost} events were lost: their ring was full, or there were more than are told of in a second");
        }

        if (metrics.NamesAnswered + metrics.NamesWithoutAddress is > 0 and var answered)
        {
            Console.WriteLine($"{answered} DNS questions were answered in the kernel, {metrics.NamesWithoutAddress} of them without an address of the family");
        }

        if (metrics.Proxy is { } proxy)
        {
            string requests = string.Join(", ", proxy.Requests.Select(count => $"{count.Count} {count.Name}"));
            Console.WriteLine($"Requests judged: {requests}; the proxy has {proxy.ConnectionsOpen} connections open of {proxy.Connections}");
        }
    }

    private static Option<int> Limit() => new Option<int>("--limit") { Description = "at most so many", DefaultValueFactory = _ => 1000 }.Positive();
}
