// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Api;

namespace Weir.Cli;

/// <summary>Flows as lines for people.</summary>
internal static class Flows
{
    /// <summary>"web (10.210.0.2:43210)"; only the address of one nothing is known of.</summary>
    internal static string End(FlowEnd? end)
    {
        if (end is null)
        {
            return "?";
        }

        string address = Address(end.Ip, end.Port);
        return NameOf(end) is not { } who ? address : address.Length == 0 ? who : $"{who} ({address})";
    }

    /// <summary>A container's name, else what is known of it; null: nothing is.</summary>
    internal static string? NameOf(FlowEnd end) => end.Name.Length > 0 ? end.Name
        : end.Identity == 0 ? null
        : end.Labels.FirstOrDefault(label => label.StartsWith("cidr:", StringComparison.Ordinal)) ?? end.Labels.FirstOrDefault() ?? $"identity {end.Identity}";

    /// <summary>"shop 203.0.113.10:80 (10.11.0.5:8080 web)": the service, and its backend where that is known.</summary>
    internal static string BackendEnd(FlowEnd? end, FlowService? service)
    {
        if (end is null || service is null)
        {
            return End(end);
        }

        string frontend = $"{service.Name} {Address(service.Ip, service.Port)}".TrimStart();
        return end.Ip == service.Ip && end.Port == service.Port ? frontend : $"{frontend} ({Address(end.Ip, end.Port)} {end.Name}".TrimEnd() + ")";
    }

    /// <summary>Everything of one event on one line.</summary>
    internal static string Line(Flow flow) =>
        TextTable.OneLine($"{flow.Time.ToDateTimeOffset():HH:mm:ss.fff} ") + What(flow, flow.Http is { } http ? $"{http.LatencyMs:0.0} ms" : "");

    /// <summary>The same without when it was.</summary>
    /// <param name="took">How long a request took.</param>
    internal static string What(Flow flow, string took)
    {
        if (flow.Http is not null)
        {
            return Request(flow, flow.Http, took);
        }

        string what = flow.Type switch
        {
            FlowType.Drop => Terminal.Red("drop"),
            FlowType.Tcp => Terminal.Green("tcp"),
            FlowType.Verdict => Coloured(flow.Verdict, "verdict"),
            _ => Terminal.Dim("trace"),
        };
        string ends = flow.Source is null ? ""
            : flow.Reply ? $" {BackendEnd(flow.Source, flow.Service)} → {End(flow.Destination)}"
            : $" {End(flow.Source)} → {BackendEnd(flow.Destination, flow.Service)}";
        string port = flow.Port.Length > 0 ? flow.Port : flow.Protocol;
        string at = flow.EndpointName.Length > 0 ? flow.EndpointName : $"endpoint {flow.EndpointId}";
        if (flow.Type == FlowType.Tcp)
        {
            return what + TextTable.OneLine($"{ends} {port}: {(flow.Tcp is { } tcp ? Measured(tcp) : took)}");
        }

        return what + TextTable.OneLine($"{ends} {port}{(flow.TcpFlags.Length > 0 ? " " + flow.TcpFlags : "")}{(flow.Reply ? " reply" : "")} {flow.Direction} at {at}: {Outcome(flow)}");
    }

    /// <summary>"2 MB in 3.1 s, ended by fin; handshake 0.2 ms, round trip 0.4 ms, 3 of 1400 segments sent again".</summary>
    private static string Measured(TcpConnection tcp)
    {
        string end = tcp.End.Length == 0 ? "open" : $"ended by {tcp.End}";
        string times = tcp.HandshakeMs == 0 ? "" : $"; handshake {tcp.HandshakeMs:0.###} ms, round trip {tcp.RoundTripMs:0.###} ms";
        string again = tcp.Retransmits == 0 ? "" : $", {tcp.Retransmits} sent again of {tcp.Segments} segments";
        return $"{tcp.Sent} bytes out, {tcp.Received} back in {tcp.Seconds:0.0##} s, {end}{times}{again}{(tcp.Proxied ? "; to the proxy and no further" : "")}";
    }

    /// <summary>The same of several on record.</summary>
    internal static string Measured(RecordedFlow flows)
    {
        string Some(ulong count, string what) => count == 0 ? "" : $", {count} {what}";
        string times = flows.Handshakes.Count == 0 ? "" : $"; handshake p50 {Latency.Write(flows.Handshakes, 0.5)} p99 {Latency.Write(flows.Handshakes, 0.99)}";
        string trips = flows.RoundTrips.Count == 0 ? "" : $", round trip p50 {Latency.Write(flows.RoundTrips, 0.5)} p99 {Latency.Write(flows.RoundTrips, 0.99)}";
        string again = flows.Retransmits == 0 ? "" : $", {flows.Retransmits} sent again of {flows.Segments} segments";
        return $"{flows.Bytes} bytes{Some(flows.Resets, "reset")}{Some(flows.Failed, "failed")}{times}{trips}{again}";
    }

    private static string Address(string text, uint port) =>
        port != 0 && IPAddress.TryParse(text, out IPAddress? ip) ? new IPEndPoint(ip, (int)port).ToString() : text;

    private static string Request(Flow flow, HttpAccess http, string took)
    {
        string request = http.Method.Length > 0 ? $"{http.Method} {http.Path}" : "no request";
        string host = http.Host.Length > 0 ? $" host {http.Host}" : "";
        string answer = http.Status != 0 ? $"{http.Status} " : http.Verdict is "audited" or "allowed" ? "" : "closed ";
        string why = http.Detail.Length > 0 && flow.Rule is not null ? $"{flow.Explanation}; {http.Detail}" : flow.Explanation;
        return Coloured(http.Verdict, "http")
            + TextTable.OneLine($" {End(flow.Source)} → {End(flow.Destination)} {request}{host}: {answer}{http.Verdict}{(took.Length > 0 ? $", {took}" : "")}{(why.Length > 0 ? $"; {why}" : "")}");
    }

    private static string Coloured(string verdict, string what) => verdict switch
    {
        "allowed" => Terminal.Green(what),
        "audited" => Terminal.Yellow(what),
        _ => Terminal.Red(what),
    };

    private static string Outcome(Flow flow)
    {
        string reason = flow.DropReason.Length > 0 ? $"{flow.DropReason.Replace('-', ' ')} ({flow.DropReasonText})"
            : flow.Verdict.Length > 0 ? flow.Verdict : "forwarded";
        return flow.Explanation.Length > 0 ? $"{reason}; {flow.Explanation}"
            : flow.Rule is { } rule ? $"{reason} by {rule.Name} at {rule.File}:{rule.Line}" : reason;
    }
}
