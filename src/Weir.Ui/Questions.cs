// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>What the page asks once: each is a question to the agent, answered with its message as JSON.</summary>
internal sealed class Questions(AgentLink link)
{
    private const int MostFlows = 1000;

    internal Task StatusAsync(HttpContext context) =>
        Ask(context, async cancel => ProtoJson.Write(await link.Agent.GetStatusAsync(new GetStatusRequest(), cancellationToken: cancel), indented: false));

    internal Task EndpointsAsync(HttpContext context) =>
        Ask(context, async cancel => ProtoJson.Write(await link.Agent.ListEndpointsAsync(new ListEndpointsRequest(), cancellationToken: cancel), indented: false));

    internal Task EndpointAsync(HttpContext context) => Ask(context, async cancel =>
    {
        var request = new GetEndpointRequest { Endpoint = context.Request.Query["name"].ToString() };
        Endpoint endpoint = await link.Agent.GetEndpointAsync(request, cancellationToken: cancel);
        EndpointLog log = await link.Agent.GetEndpointLogAsync(request, cancellationToken: cancel);
        return $$"""{"endpoint":{{ProtoJson.Write(endpoint, indented: false)}},"log":{{ProtoJson.Write(log.Entries, indented: false)}}}""";
    });

    internal Task PoliciesAsync(HttpContext context) =>
        Ask(context, async cancel => ProtoJson.Write(await link.Agent.ListPoliciesAsync(new ListPoliciesRequest(), cancellationToken: cancel), indented: false));

    internal Task ExplainAsync(HttpContext context) => Ask(context, async cancel =>
    {
        IQueryCollection query = context.Request.Query;
        var request = new ExplainPolicyRequest { From = $"{query["from"]}", To = $"{query["to"]}", Port = $"{query["port"]}", Http = $"{query["http"]}" };
        return ProtoJson.Write(await link.Agent.ExplainPolicyAsync(request, cancellationToken: cancel), indented: false);
    });

    /// <summary>How often each rule decided, as far as that is on record.</summary>
    internal Task RulesAsync(HttpContext context) => Ask(context, async cancel =>
    {
        var counts = new RuleCounts();
        List<string> notes = await ReadAsync(context, counts.Add, cancel);
        return JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("rules");
            counts.Write(json);
            WriteNotes(json, notes);
            json.WriteEndObject();
        }, indented: false);
    });

    /// <summary>The newest of those on record.</summary>
    internal Task FlowsAsync(HttpContext context) => Ask(context, async cancel =>
    {
        Queue<RecordedFlow> newest = new();
        long all = 0;
        List<string> notes = await ReadAsync(
            context,
            flow =>
            {
                all++;
                newest.Enqueue(flow);
                if (newest.Count > MostFlows)
                {
                    newest.Dequeue();
                }
            },
            cancel);
        return JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("all", all);
            json.WriteStartArray("flows");
            foreach (RecordedFlow flow in newest)
            {
                json.WriteRawValue($$"""{{ProtoJson.Write(flow, indented: false)[..^1]}},"raw":"{{SuggestQuestion.Keep(flow.Flow)}}"}""", skipInputValidation: true);
            }

            json.WriteEndArray();
            WriteNotes(json, notes);
            json.WriteEndObject();
        }, indented: false);
    });

    private static void WriteNotes(System.Text.Json.Utf8JsonWriter json, List<string> notes)
    {
        json.WriteStartArray("notes");
        notes.ForEach(json.WriteStringValue);
        json.WriteEndArray();
    }

    private async Task<List<string>> ReadAsync(HttpContext context, Action<RecordedFlow> add, CancellationToken cancel)
    {
        List<string> notes = [];
        using AsyncServerStreamingCall<ListFlowsResponse> call = link.Agent.ListFlows(FlowQuery.Past(context.Request.Query, link.Clock), cancellationToken: cancel);
        await foreach (ListFlowsResponse part in call.ResponseStream.ReadAllAsync(cancel))
        {
            if (part.Note is { } note)
            {
                notes.Add(note.Text);
            }
            else
            {
                add(part.Flow);
            }
        }

        return notes;
    }

    private Task Ask(HttpContext context, Func<CancellationToken, Task<string>> ask) => Answers.AskAsync(context, link, () => ask(context.RequestAborted));
}
