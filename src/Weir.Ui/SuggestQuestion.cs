// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>The policy that would allow a flow that was denied.</summary>
internal sealed class SuggestQuestion(AgentLink link)
{
    /// <summary>A denied flow as the page hands it back: the agent gets what it told, and nothing is read out of JSON.</summary>
    /// <returns>Empty: there is nothing to allow.</returns>
    internal static string Keep(Flow flow) => flow.Type == FlowType.Drop || flow.Verdict == "denied" ? flow.ToByteString().ToBase64() : "";

    internal async Task AnswerAsync(HttpContext context)
    {
        if (await Answers.ReadPostAsync(context) is not { } text)
        {
            return;
        }

        Flow flow;
        try
        {
            flow = Flow.Parser.ParseFrom(ByteString.FromBase64(text));
        }
        catch (Exception e) when (e is FormatException or InvalidProtocolBufferException)
        {
            await Answers.RefuseAsync(context, StatusCodes.Status400BadRequest, "this is no flow");
            return;
        }

        await Answers.AskAsync(context, link, async () =>
            ProtoJson.Write(await link.Record.SuggestPolicyAsync(new SuggestPolicyRequest { Flow = flow }, cancellationToken: context.RequestAborted), indented: false));
    }
}
