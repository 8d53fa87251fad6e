// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir policy apply --dry-run --since": a dry run on what is on record.</summary>
internal sealed class PolicyTry
{
    private const int Groups = 20;

    private readonly Option<string> _since = Moments.Option("--since", $"with --dry-run: judge the flows on record since then, and end with 1 if any would be refused; {Moments.Example}");
    private readonly Option<string> _until = Moments.Option("--until", "with --since: the same for the end; now if not given");
    private readonly Option<bool> _replace = new("--replace") { Description = "with --since: as if these files were all the policy there is" };

    private PolicyTry()
    {
    }

    internal static PolicyTry AddTo(Command command, Option<bool> dryRun, Option<bool> strict, Option<bool> audit)
    {
        var record = new PolicyTry();
        command.Options.Add(record._since);
        command.Options.Add(record._until);
        command.Options.Add(record._replace);
        command.Validators.Add(result =>
        {
            bool isAsked = result.GetResult(record._since) is not null;
            if (isAsked && !result.GetValue(dryRun))
            {
                result.AddError("--since is for a dry run on the record: add --dry-run");
            }

            if (!isAsked && (result.GetResult(record._until) is not null || result.GetValue(record._replace)))
            {
                result.AddError("--until and --replace are for a dry run on the record: add --since");
            }

            if (isAsked && result.GetValue(audit))
            {
                result.AddError("--audit and --since do not go together: a dry run on the record tells what would be refused if the files were enforced; leave --audit out");
            }

            if (isAsked && result.GetValue(strict))
            {
                result.AddError("--strict and --since do not go together: 'weir policy validate --strict' takes a warning for an error");
            }
        });
        return record;
    }

    internal bool IsAsked(ParseResult parsed) => parsed.GetValue(_since) is not null;

    /// <returns>0: nothing would be refused, 1: something would, 2: the files have an error.</returns>
    internal Task<int> RunAsync(ParseResult parsed, IReadOnlyList<(string Name, string Text)> files) => AgentClient.AskNodesAsync(parsed, async agents =>
    {
        DateTimeOffset now = DateTimeOffset.Now;
        TryPolicyResponse answer = await agents.Record.TryPolicyAsync(new TryPolicyRequest
        {
            Files = { files.Select(file => new FileText { Name = file.Name, Text = file.Text }) },
            Replace = parsed.GetValue(_replace),
            Since = Moments.At(parsed.GetValue(_since)!, now),
            Until = parsed.GetValue(_until) is { } until ? Moments.At(until, now) : null,
            Limit = GlobalOptions.IsJson(parsed) ? int.MaxValue : Groups,
        });
        ProblemLines.Print(answer.Problems);
        bool failed = answer.Problems.Any(problem => problem is { Warning: false, Notice: false });
        if (GlobalOptions.IsJson(parsed))
        {
            Console.WriteLine(ProtoJson.Write(answer, indented: true));
        }
        else if (!failed)
        {
            PolicyTryOutput.Print(answer);
        }

        return failed ? ExitCodes.BadInput : answer.Refused > 0 ? ExitCodes.Failed : ExitCodes.Fine;
    });
}
