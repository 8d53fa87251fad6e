// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;
using Weir.Services.Reading;

namespace Weir.Cli;

/// <summary>"weir service …".</summary>
internal static class ServiceCommands
{
    internal static Command Build() => new("service", "Service addresses, and the backends that serve them.")
    {
        List(), Get(), Update(), ServiceApplyCommand.Build(), Drain(), Delete(),
    };

    private static Command List()
    {
        var command = new Command("list", "List services with their backends, and what they have served.");
        command.One(
            (agent, _) => agent.ListServicesAsync(new ListServicesRequest()),
            answer =>
            {
                TextTable.Print(
                    ["NAME", "FRONTEND", "MODE", "STATE", "BACKEND", "WEIGHT", "STATE", "PACKETS", "BYTES", "CONNECTS"],
                    answer.Services.SelectMany(Rows));
                if (answer.Services.Count > 0)
                {
                    Console.WriteLine(answer.Devices.Count == 0 ? "no device" : $"devices: {string.Join(", ", answer.Devices.Select(device => $"{device.Name} ({device.How})"))}");
                }
            });
        return command.WithExample("weir service list", "weir service list -o json");
    }

    private static Command Get()
    {
        var command = new Command("get", "Show one service.");
        Argument<string> name = NameArgument();
        command.Arguments.Add(name);
        command.One((agent, parsed) => agent.ListServicesAsync(new ListServicesRequest { Name = parsed.GetRequiredValue(name) }), answer => Print(answer.Services[0]));
        return command.WithExample("weir service get shop");
    }

    private static Command Update()
    {
        var command = new Command("update", "Make a service, or change what is given of one that is there.");
        Option<string> name = NameOption();
        Option<string[]> frontends = Words("--frontend", "where it is reached: address:port/protocol; several with commas");
        Option<string[]> backends = Words("--backends", "who serves it: address:port, with /w=N for a weight other than 1; several with commas; \"\" for none");
        var selector = new Option<string?>("--selector") { HelpName = "labels", Description = "who serves it, in place of --backends: containers with all of these labels, such as role=api,app=shop, on every host of a cluster" }.Completes(Completion.LabelsOfEndpoints);
        var port = new Option<uint>("--port") { Description = "on which port the selected containers listen [the frontend's]" };
        var mode = new Option<string?>("--mode") { Description = "to backends that are no container of this host or another of the cluster: snat, dsr or dsr-l2 [snat]" };
        var affinity = new Option<string?>("--affinity") { Description = "keep a client on its backend until it was silent this long, such as 3h or 1h30m; 0: no" };
        var health = new Option<string?>("--health-check") { Description = "tcp, http:/path, with ,interval=2s,timeout=1s,rise=2,fall=3,port=N; none" };
        foreach (Option option in (Option[])[name, frontends, backends, selector, port, mode, affinity, health])
        {
            command.Options.Add(option);
        }

        command.SetAction((parsed, _) => AgentClient.AskAsync(parsed, async agent =>
        {
            string[]? wanted = parsed.GetValue(backends);
            var request = new UpdateServiceRequest
            {
                Name = parsed.GetRequiredValue(name),
                Selector = parsed.GetValue(selector) ?? "",
                TargetPort = parsed.GetValue(port),
                Mode = parsed.GetValue(mode) ?? "",
                Affinity = parsed.GetValue(affinity) ?? "",
                HealthCheck = parsed.GetValue(health) ?? "",
                NoBackends = wanted is { Length: > 0 } && Split(wanted).Count == 0,
            };
            request.Frontends.AddRange(Split(parsed.GetValue(frontends)));
            request.Backends.AddRange(Split(wanted));
            UpdateServiceResponse answer = await agent.UpdateServiceAsync(request);
            foreach (Api.Problem problem in answer.Problems)
            {
                Console.Error.WriteLine($"weir: {(problem.Warning ? "warning: " : "")}{problem.Message}");
            }

            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(answer, indented: true));
            }
            else if (answer.Service is { } service)
            {
                Console.WriteLine($"{service.Name} {answer.Change}: {Count(service.Frontends.Count, "frontend")}, {Count(service.Backends.Count, "backend")}{(service.State == "ok" ? "" : $"; {service.State}")}");
            }

            return answer.Service is null ? ExitCodes.BadInput : ExitCodes.Fine;
        }));
        return command.WithExample(
            "weir service update --name shop --frontend 203.0.113.10:80/tcp --backends 10.11.0.5:8080,10.11.0.6:8080/w=2",
            "weir service update --name shop --backends 10.11.0.5:8080,10.11.0.7:8080",
            "weir service update --name shop --frontend 203.0.113.10:80/tcp --selector role=api --port 8080",
            "weir service update --name shop --mode dsr --health-check http:/healthz,interval=5s");
    }

    private static Command Drain()
    {
        var command = new Command("drain", "Give a backend no new connections; those that it has go on.");
        Option<string> name = NameOption();
        var backend = new Option<string>("--backend") { Description = "address:port", Required = true }.Completes(Completion.Backends);
        var undo = new Option<bool>("--undo") { Description = "give it new connections again" };
        command.Options.Add(name);
        command.Options.Add(backend);
        command.Options.Add(undo);
        command.One(
            (agent, parsed) => agent.DrainBackendAsync(new DrainBackendRequest
            {
                Name = parsed.GetRequiredValue(name),
                Backend = parsed.GetRequiredValue(backend),
                Undo = parsed.GetValue(undo),
            }),
            PrintDrained);
        return command.WithExample("weir service drain --name shop --backend 10.11.0.5:8080", "weir service drain --name shop --backend 10.11.0.5:8080 --undo");
    }

    private static Command Delete()
    {
        var command = new Command("delete", "Take services away; their connections end.");
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = "of services" }.Completes(Completion.Services);
        var all = new Option<bool>("--all") { Description = "every service that is no published port" };
        command.Arguments.Add(names);
        command.Options.Add(all);
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) == (result.GetValue(names) is { Length: > 0 }))
            {
                result.AddError("name services, or say --all");
            }
        });
        command.One(
            (agent, parsed) => agent.DeleteServicesAsync(new DeleteServicesRequest { Names = { parsed.GetValue(names) ?? [] }, All = parsed.GetValue(all) }),
            answer =>
            {
                ProblemLines.Print(answer.Problems);
                Console.WriteLine(answer.Names.Count == 0 ? "there is none" : $"deleted {string.Join(", ", answer.Names)}");
            });
        return command.WithExample("weir service delete shop", "weir service delete --all");
    }

    internal static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    /// <summary>Frontends and backends side by side: each is on one line.</summary>
    private static IEnumerable<string[]> Rows(Service service)
    {
        for (int i = 0; i < Math.Max(1, Math.Max(service.Frontends.Count, service.Backends.Count)); i++)
        {
            Frontend? frontend = i < service.Frontends.Count ? service.Frontends[i] : null;
            Backend? backend = i < service.Backends.Count ? service.Backends[i] : null;
            yield return
            [
                i == 0 ? service.Name : "",
                frontend?.Address ?? "",
                i == 0 ? service.Mode : "",
                i == 0 ? service.State : "",
                backend is null ? "" : backend.Endpoint.Length > 0 ? $"{backend.Address} ({backend.Endpoint}{On(backend)})" : backend.Address,
                backend is null ? "" : $"{backend.Weight}",
                backend?.State ?? "",
                frontend is null ? "" : $"{frontend.Packets}",
                frontend is null ? "" : $"{frontend.Bytes}",
                frontend is null ? "" : $"{frontend.Connects}",
            ];
        }
    }

    private static void Print(Service service)
    {
        TextTable.PrintPairs(
        [
            ("Name", service.Name),
            ("State", service.State),
            ("Mode", service.Mode),
            ("Affinity", service.AffinitySeconds == 0 ? "no" : Duration.Write(TimeSpan.FromSeconds(service.AffinitySeconds))),
            ("Health check", service.HealthCheck.Length > 0 ? service.HealthCheck : "no"),
            ("Selector", service.Selector),
            ("Source", service.Source),
            ("Behind", string.Join("; ", service.Behind)),
            ("Table", $"{service.Slots} slots{(service.Changing ? "; flows of before the last change are still there" : "")}"),
        ]);
        Console.WriteLine();
        TextTable.Print(
            ["FRONTEND", "PACKETS", "BYTES", "CONNECTS"],
            service.Frontends.Select(frontend => new[] { frontend.Address, $"{frontend.Packets}", $"{frontend.Bytes}", $"{frontend.Connects}" }));
        Console.WriteLine();
        TextTable.Print(
            ["BACKEND", "CONTAINER", "WEIGHT", "STATE", "SLOTS", "DETAIL"],
            service.Backends.Select(backend => new[] { backend.Address, $"{backend.Endpoint}{On(backend)}", $"{backend.Weight}", backend.State, $"{backend.Slots}", backend.Detail }));
    }

    private static void PrintDrained(Service service)
    {
        foreach (string behind in service.Behind)
        {
            Console.Error.WriteLine($"weir: warning: {behind}");
        }

        Print(service);
    }

    private static string On(Backend backend) => backend.Node.Length > 0 ? $" on {backend.Node}" : "";

    private static Argument<string> NameArgument() => new Argument<string>("name") { Description = "of a service" }.Completes(Completion.Services);

    private static Option<string> NameOption() => new Option<string>("--name", "-n") { Description = "of the service", Required = true }.Completes(Completion.Services);

    private static Option<string[]> Words(string name, string meaning) => new(name) { Description = meaning, AllowMultipleArgumentsPerToken = true };

    private static List<string> Split(string[]? words) =>
        [.. (words ?? []).SelectMany(word => word.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
}
