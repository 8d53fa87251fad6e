// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Primitives;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>Which flows, as the page's address has it: the options of "weir monitor" and "weir flows" by their names.</summary>
internal static class FlowQuery
{
    /// <exception cref="RpcException">It is wrong, said as the agent would.</exception>
    internal static MonitorRequest Filter(IQueryCollection query) => new()
    {
        Types_ = { Words(query["type"]).Select(TypeOf) },
        From = { Words(query["from"]) },
        To = { Words(query["to"]) },
        RelatedTo = { Words(query["related-to"]) },
        Ports = { Words(query["port"]).Select(PortOf) },
        Verdicts = { Words(query["verdict"]).Select(VerdictOf) },
    };

    internal static ListFlowsRequest Past(IQueryCollection query, TimeProvider clock)
    {
        DateTimeOffset now = clock.GetLocalNow();
        return new ListFlowsRequest { Since = Moment(query, "since", now) ?? Timestamp.FromDateTimeOffset(now.AddHours(-1)), Until = Moment(query, "until", now), Filter = Filter(query) };
    }

    internal static Timestamp? Moment(IQueryCollection query, string name, DateTimeOffset now)
    {
        string text = query[name].ToString();
        return text.Length == 0 ? null : Moments.At(text, now) ?? throw Wrong($"{name} \"{text}\": write {Moments.Example}");
    }

    private static IEnumerable<string> Words(StringValues values) => values.Where(value => !string.IsNullOrWhiteSpace(value)).Select(value => value!.Trim());

    private static FlowType TypeOf(string text) =>
        text is "drop" or "verdict" or "l7" or "tcp" or "trace" ? System.Enum.Parse<FlowType>(text, ignoreCase: true) : throw Wrong($"type \"{text}\": it is drop, verdict, l7, tcp or trace");

    private static string VerdictOf(string text) =>
        text is "allowed" or "denied" or "audited" ? text : throw Wrong($"verdict \"{text}\": it is allowed, denied or audited");

    private static uint PortOf(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) ? port : throw Wrong($"port \"{text}\": it is a number from 0 to 65535");

    private static RpcException Wrong(string text) => new(new Grpc.Core.Status(StatusCode.InvalidArgument, text));
}
