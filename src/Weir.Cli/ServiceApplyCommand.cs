// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir service apply".</summary>
internal static class ServiceApplyCommand
{
    internal static Command Build()
    {
        var command = new Command("apply", "Put the services of files in force: all of them, or none if one has an error.");
        Option<string[]> files = PolicyFiles.Option();
        var dryRun = new Option<bool>("--dry-run") { Description = "change nothing; say what would change" };
        command.Options.Add(files);
        command.Options.Add(dryRun);
        command.SetAction((parsed, _) =>
        {
            var texts = PolicyFiles.Read(parsed.GetRequiredValue(files), out IReadOnlyList<string> unreadable);
            foreach (string problem in unreadable)
            {
                Console.Error.WriteLine($"weir: {problem}");
            }

            return unreadable.Count > 0
                ? Task.FromResult(ExitCodes.BadInput)
                : AgentClient.AskAsync(parsed, async agent =>
                {
                    var request = new ApplyServicesRequest { DryRun = parsed.GetValue(dryRun) };
                    request.Files.AddRange(texts.Select(file => new FileText { Name = file.Name, Text = file.Text }));
                    ApplyServicesResponse answer = await agent.ApplyServicesAsync(request);
                    ProblemLines.Print(answer.Problems);

                    if (GlobalOptions.IsJson(parsed))
                    {
                        Console.WriteLine(ProtoJson.Write(answer, indented: true));
                    }
                    else
                    {
                        foreach (ChangedService service in answer.Services)
                        {
                            Console.WriteLine(
                                $"{service.Name} {(request.DryRun ? "would be " : "")}{service.Change} ({ServiceCommands.Count(service.Frontends, "frontend")}, {ServiceCommands.Count(service.Backends, "backend")})");
                        }
                    }

                    return answer.Problems.Any(problem => problem is { Warning: false, Notice: false }) ? ExitCodes.BadInput : ExitCodes.Fine;
                });
        });
        return command.WithExample("weir service apply -f services.yaml", "weir service apply --dry-run -f services/");
    }
}
