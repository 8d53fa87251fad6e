// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;

namespace Weir.Ui;

/// <summary>How often rules decided, by what is on record.</summary>
internal sealed class RuleCounts
{
    private readonly Dictionary<(string File, int Line, string Name), (ulong Allowed, ulong Denied, DateTimeOffset Last)> _counts = [];

    internal void Add(RecordedFlow recorded)
    {
        // A denial of a flow is told as a verdict and as a drop: the drop counts.
        if (recorded.Flow is not { Rule: { } rule } flow || flow is { Type: FlowType.Verdict, Verdict: "denied" })
        {
            return;
        }

        bool isDenied = flow.Type == FlowType.Drop || flow.Verdict == "denied";
        (string File, int Line, string Name) key = (rule.File, rule.Line, rule.Name);
        (ulong allowed, ulong denied, DateTimeOffset last) = _counts.GetValueOrDefault(key);
        DateTimeOffset seen = recorded.Last.ToDateTimeOffset();
        _counts[key] = (allowed + (isDenied ? 0 : recorded.Count), denied + (isDenied ? recorded.Count : 0), seen > last ? seen : last);
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (((string file, int line, string name), (ulong allowed, ulong denied, DateTimeOffset last)) in _counts)
        {
            json.WriteStartObject();
            json.WriteString("file", file);
            json.WriteNumber("line", line);
            json.WriteString("name", name);
            json.WriteNumber("allowed", allowed);
            json.WriteNumber("denied", denied);
            json.WriteString("last", last);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
