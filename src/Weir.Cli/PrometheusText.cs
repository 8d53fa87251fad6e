// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Api;

namespace Weir.Cli;

/// <summary>Metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).</summary>
public static class PrometheusText
{
    private const string Forwarded = "forwarded";

    /// <summary>Families have the names that dashboards of this field know, with "weir_" before, where they mean the same.</summary>
    public static string Write(Metrics metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        var text = new StringBuilder();
        WritePackets(text, metrics);
        WriteControl(text, metrics);
        Write(text, metrics.Services);
        if (metrics.Proxy is { } proxy)
        {
            Write(text, proxy);
        }

        TcpMetricsText.Write(text, metrics.TcpEdges);
        WriteProcess(text, metrics);
        return text.ToString();
    }

    private static void WritePackets(StringBuilder text, Metrics metrics)
    {
        MetricRow[] passed = [.. metrics.Rows.Where(row => row.Reason == Forwarded)];
        MetricRow[] dropped = [.. metrics.Rows.Where(row => row.Reason != Forwarded)];
        Rows(text, passed, "weir_forward_count_total", "Packets passed on.", row => row.Packets);
        Rows(text, passed, "weir_forward_bytes_total", "Bytes of packets passed on.", row => row.Bytes);
        Rows(text, dropped, "weir_drop_count_total", "Packets dropped, by reason.", row => row.Packets);
        Rows(text, dropped, "weir_drop_bytes_total", "Bytes of packets dropped, by reason.", row => row.Bytes);
        Rows(text, metrics.Audited, "weir_audited_count_total", "Flows that passed and rules in audit would have dropped, by reason.", row => row.Packets);
        One(text, "weir_events_lost_total", "counter", "Events that found the ring full.", metrics.EventsLost);
        One(text, "weir_names_answered_total", "counter", "DNS questions of containers that were answered in the kernel.", metrics.NamesAnswered);
        One(text, "weir_names_without_address_total", "counter", "The same, of names that have no address of the family that was asked for.", metrics.NamesWithoutAddress);
        One(text, "weir_flows_seen_total", "counter", "Events that became flows for whoever looks.", metrics.FlowsSeen);
    }

    private static void WriteControl(StringBuilder text, Metrics metrics)
    {
        Many(text, "weir_mended_total", "Things that were taken away from kernel or host and put back, by kind.", "kind", metrics.Mended);
        One(text, "weir_degraded", "gauge", "Kinds of which something is missing now, or is taken away again and again.", metrics.Degraded);
        Many(text, "weir_endpoint_state", "Endpoints by state.", "endpoint_state", metrics.EndpointStates, "gauge");
        One(text, "weir_policy", "gauge", "Policies in force.", metrics.Policies);
        One(text, "weir_policy_audited", "gauge", "Policies with rules in audit, which are not enforced.", metrics.AuditedPolicies);
        One(text, "weir_policy_max_revision", "gauge", "Revision of what the kernel enforces.", metrics.PolicyRevision);
        Histogram(text, "weir_policy_implementation_delay", "Seconds from a change of policy to its being in force for all endpoints.", metrics.PolicyDelay ?? new Durations());
        Many(text, "weir_identity", "Identities, by kind.", "type", metrics.Identities, "gauge");
        Head(text, "weir_bpf_map_pressure", "gauge", "How full a map is: 1 is full. What forgets the oldest by itself may stay so.");
        foreach (MapUse map in metrics.Maps.Where(map => map.Max > 0))
        {
            text.Append($"weir_bpf_map_pressure{{map_name=\"{map.Name}\"}} {(double)map.Used / map.Max:0.######}\n");
        }

        One(text, "weir_nodes_all_num", "gauge", "Nodes of the cluster, this one among them; 0: this host is by itself.", metrics.Nodes);
        One(text, "weir_cluster_stale_seconds", "gauge", "Since the other nodes were heard last, while they are not.", metrics.ClusterStaleSeconds);
        WriteConnectivity(text, metrics.NodeConnectivity);
    }

    private static void WriteConnectivity(StringBuilder text, IReadOnlyCollection<NodeConnectivity> ways)
    {
        Ways("weir_node_connectivity_status", "Whether another node answers by the way that traffic takes: 1, or 0.", ways, way => way.Reached ? 1 : 0);
        Ways("weir_node_connectivity_latency_seconds", "Round trip to another node by the way that traffic takes, as measured last.", ways.Where(way => way.RoundTripSeconds > 0), way => way.RoundTripSeconds);

        void Ways(string name, string help, IEnumerable<NodeConnectivity> shown, Func<NodeConnectivity, double> value)
        {
            Head(text, name, "gauge", help);
            foreach (NodeConnectivity way in shown)
            {
                text.Append($"{name}{{source_node_name=\"{Escaped(way.Source)}\",target_node_name=\"{Escaped(way.Target)}\"}} {value(way):0.#######}\n");
            }
        }
    }

    private static void WriteProcess(StringBuilder text, Metrics metrics)
    {
        Head(text, "weir_version", "gauge", "The agent's version.");
        text.Append($"weir_version{{version=\"{Escaped(metrics.Version)}\"}} 1\n");
        One(text, "process_cpu_seconds_total", "counter", "CPU time of the agent.", metrics.CpuSeconds);
        One(text, "process_resident_memory_bytes", "gauge", "Resident memory of the agent.", metrics.MemoryBytes);
        One(text, "process_start_time_seconds", "gauge", "When the agent started, since 1970.", metrics.StartedSeconds);
    }

    private static void Write(StringBuilder text, IReadOnlyCollection<ServiceMetrics> services)
    {
        Frontends(text, services, "weir_service_packets_total", "Packets of clients, seen at a device.", frontend => frontend.Packets);
        Frontends(text, services, "weir_service_bytes_total", "Bytes of those packets.", frontend => frontend.Bytes);
        Frontends(text, services, "weir_service_connects_total", "Connections that sockets of this host began.", frontend => frontend.Connects);
        Head(text, "weir_service_backends", "gauge", "Backends of a service; active ones get new connections.");
        foreach (ServiceMetrics service in services)
        {
            text.Append($"weir_service_backends{{service=\"{Escaped(service.Service)}\",state=\"active\"}} {service.BackendsActive}\n");
            text.Append($"weir_service_backends{{service=\"{Escaped(service.Service)}\",state=\"other\"}} {service.Backends - service.BackendsActive}\n");
        }
    }

    private static void Frontends(StringBuilder text, IEnumerable<ServiceMetrics> services, string name, string help, Func<Frontend, ulong> value)
    {
        Head(text, name, "counter", help);
        foreach (ServiceMetrics service in services)
        {
            foreach (Frontend frontend in service.Frontends)
            {
                text.Append($"{name}{{service=\"{Escaped(service.Service)}\",frontend=\"{frontend.Address}\"}} {value(frontend)}\n");
            }
        }
    }

    private static void Write(StringBuilder text, ProxyMetrics proxy)
    {
        Dictionary<string, ulong> verdicts = proxy.Requests.ToDictionary(count => count.Name, count => count.Count);
        Many(
            text,
            "weir_policy_l7_total",
            "Requests that HTTP policy judged.",
            "rule",
            [
                new NamedCount { Name = "received", Count = verdicts.Values.Aggregate(0UL, (sum, n) => sum + n) },
                new NamedCount { Name = "forwarded", Count = verdicts.GetValueOrDefault("allowed") + verdicts.GetValueOrDefault("audited") + verdicts.GetValueOrDefault("failed") },
                new NamedCount { Name = "denied", Count = verdicts.GetValueOrDefault("refused") },
                new NamedCount { Name = "parse_errors", Count = verdicts.GetValueOrDefault("invalid") },
            ]);
        Many(text, "weir_http_requests_total", "Requests by verdict.", "verdict", proxy.Requests);
        Many(text, "weir_http_responses_total", "Answers by class of their status; 0xx: closed without one, or not seen.", "class", proxy.Statuses);
        Many(text, "weir_http_parse_errors_total", "Requests that could not be judged, by what was wrong.", "fault", proxy.ParseErrors);
        One(text, "weir_http_connections_total", "counter", "Connections through the proxy.", proxy.Connections);
        One(text, "weir_http_connections_open", "gauge", "Connections through the proxy now.", proxy.ConnectionsOpen);
        One(text, "weir_http_taken_over_total", "counter", "Of them, those whose first requests went without it.", proxy.TakenOver);
        One(text, "weir_http_strays_total", "counter", "Connections to the proxy that no policy decision had brought.", proxy.Strays);
        One(text, "weir_http_request_bytes_total", "counter", "Bytes of requests.", proxy.RequestBytes);
        One(text, "weir_http_response_bytes_total", "counter", "Bytes of answers.", proxy.ResponseBytes);
        One(text, "weir_proxy_memory_bytes", "gauge", "Resident memory of the proxy.", proxy.MemoryBytes);
        Histogram(text, "weir_http_request_duration_seconds", "From a request's head to its answer's end, or, judged in the kernel, its beginning.", new Durations { Buckets = { proxy.Latencies }, SumSeconds = proxy.LatencySumSeconds, Count = proxy.LatencyCount });
    }

    private static void Histogram(StringBuilder text, string name, string help, Durations durations)
    {
        Head(text, name, "histogram", help);
        foreach (LatencyBucket bucket in durations.Buckets)
        {
            text.Append($"{name}_bucket{{le=\"{bucket.Seconds:0.######}\"}} {bucket.Count}\n");
        }

        text.Append($"{name}_bucket{{le=\"+Inf\"}} {durations.Count}\n{name}_sum {durations.SumSeconds}\n{name}_count {durations.Count}\n");
    }

    private static void Rows(StringBuilder text, IReadOnlyCollection<MetricRow> rows, string name, string help, Func<MetricRow, ulong> value)
    {
        Head(text, name, "counter", help);
        foreach (MetricRow row in rows)
        {
            string reason = row.Reason == Forwarded ? "" : $",reason=\"{row.Reason}\"";
            text.Append($"{name}{{direction=\"{row.Direction.ToUpperInvariant()}\"{reason}}} {value(row)}\n");
        }
    }

    internal static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append($"# HELP {name} {help}\n# TYPE {name} {type}\n");

    private static void One<T>(StringBuilder text, string name, string type, string help, T value)
    {
        Head(text, name, type, help);
        text.Append($"{name} {value}\n");
    }

    private static void Many(StringBuilder text, string name, string help, string label, IEnumerable<NamedCount> counts, string type = "counter")
    {
        Head(text, name, type, help);
        foreach (NamedCount count in counts)
        {
            text.Append($"{name}{{{label}=\"{count.Name}\"}} {count.Count}\n");
        }
    }

    /// <summary>As the format wants a label's value.</summary>
    internal static string Escaped(string value) => value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
