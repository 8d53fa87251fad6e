// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>What a draft of a policy would change: of what is on record, and for whoever may change policy, between the containers that
/// there are. It is tried and never applied.</summary>
internal sealed class DraftQuestion(AgentLink link)
{
    private const string File = "draft.yaml";
    private const int Groups = 100;

    internal async Task AnswerAsync(HttpContext context)
    {
        if (await Answers.ReadPostAsync(context) is not { } text)
        {
            return;
        }

        await Answers.AskAsync(context, link, async () =>
        {
            var draft = new FileText { Name = File, Text = text };
            TryPolicyResponse replay = await link.Record.TryPolicyAsync(
                new TryPolicyRequest { Files = { draft }, Since = FlowQuery.Past(context.Request.Query, link.Clock).Since, Limit = Groups }, cancellationToken: context.RequestAborted);
            (ApplyPolicyResponse? policy, string closed) = replay.Problems.Any(problem => problem is { Warning: false, Notice: false }) ? (null, "") : await TryAsync(draft, context.RequestAborted);
            return JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WritePropertyName("replay");
                json.WriteRawValue(ProtoJson.Write(replay, indented: false), skipInputValidation: true);
                json.WritePropertyName("policy");
                json.WriteRawValue(policy is null ? "null" : ProtoJson.Write(policy, indented: false), skipInputValidation: true);
                json.WriteString("closed", closed);
                json.WriteEndObject();
            }, indented: false);
        });
    }

    /// <returns>No answer, and why, for whom may only look.</returns>
    private async Task<(ApplyPolicyResponse? Answer, string Why)> TryAsync(FileText draft, CancellationToken cancel)
    {
        try
        {
            return (await link.Agent.ApplyPolicyAsync(new ApplyPolicyRequest { Files = { draft }, DryRun = true }, cancellationToken: cancel), "");
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.PermissionDenied)
        {
            return (null, link.Describe(e));
        }
    }
}
