// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Api;

namespace Weir.Cli;

/// <summary>Metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).</summary>
internal static class PrometheusText
{
    internal static string Write(Metrics metrics)
    {
        var text = new StringBuilder();
        Head(text, "weir_packets_total", "counter", "Packets by what became of them.");
        foreach (MetricRow row in metrics.Rows)
        {
            text.Append($"weir_packets_total{{direction=\"{row.Direction}\",reason=\"{row.Reason}\"}} {row.Packets}\n");
        }

        Head(text, "weir_bytes_total", "counter", "Bytes by what became of their packets.");
        foreach (MetricRow row in metrics.Rows)
        {
            text.Append($"weir_bytes_total{{direction=\"{row.Direction}\",reason=\"{row.Reason}\"}} {row.Bytes}\n");
        }

        One(text, "weir_events_lost_total", "counter", "Events that found the ring full.", metrics.EventsLost);
        Many(text, "weir_mended_total", "Things that were taken away from kernel or host and put back, by kind.", "kind", metrics.Mended);
        One(text, "weir_degraded", "gauge", "Kinds of which something is missing now, or is taken away again and again.", metrics.Degraded);
        Write(text, metrics.Services);
        if (metrics.Proxy is { } proxy)
        {
            Write(text, proxy);
        }

        return text.ToString();
    }

    private static void Write(StringBuilder text, IReadOnlyCollection<ServiceMetrics> services)
    {
        Frontends(text, services, "weir_service_packets_total", "Packets of clients, seen at a device.", frontend => frontend.Packets);
        Frontends(text, services, "weir_service_bytes_total", "Bytes of those packets.", frontend => frontend.Bytes);
        Frontends(text, services, "weir_service_connects_total", "Connections that sockets of this host began.", frontend => frontend.Connects);
        Head(text, "weir_service_backends", "gauge", "Backends of a service; active ones get new connections.");
        foreach (ServiceMetrics service in services)
        {
            text.Append($"weir_service_backends{{service=\"{service.Service}\",state=\"active\"}} {service.BackendsActive}\n");
            text.Append($"weir_service_backends{{service=\"{service.Service}\",state=\"other\"}} {service.Backends - service.BackendsActive}\n");
        }
    }

    private static void Frontends(StringBuilder text, IEnumerable<ServiceMetrics> services, string name, string help, Func<Frontend, ulong> value)
    {
        Head(text, name, "counter", help);
        foreach (ServiceMetrics service in services)
        {
            foreach (Frontend frontend in service.Frontends)
            {
                text.Append($"{name}{{service=\"{service.Service}\",frontend=\"{frontend.Address}\"}} {value(frontend)}\n");
            }
        }
    }

    private static void Write(StringBuilder text, ProxyMetrics proxy)
    {
        Many(text, "weir_http_requests_total", "Requests by verdict.", "verdict", proxy.Requests);
        Many(text, "weir_http_responses_total", "Answers by class of their status; 0xx: closed without one.", "class", proxy.Statuses);
        Many(text, "weir_http_parse_errors_total", "Requests that could not be judged, by what was wrong.", "fault", proxy.ParseErrors);
        One(text, "weir_http_connections_total", "counter", "Connections through the proxy.", proxy.Connections);
        One(text, "weir_http_connections_open", "gauge", "Connections through the proxy now.", proxy.ConnectionsOpen);
        One(text, "weir_http_strays_total", "counter", "Connections to the proxy that no policy decision had brought.", proxy.Strays);
        One(text, "weir_http_request_bytes_total", "counter", "Bytes of requests.", proxy.RequestBytes);
        One(text, "weir_http_response_bytes_total", "counter", "Bytes of answers.", proxy.ResponseBytes);
        One(text, "weir_proxy_memory_bytes", "gauge", "Resident memory of the proxy.", proxy.MemoryBytes);
        Head(text, "weir_http_request_duration_seconds", "histogram", "From a request's head to its answer's end.");
        foreach (LatencyBucket bucket in proxy.Latencies)
        {
            text.Append($"weir_http_request_duration_seconds_bucket{{le=\"{bucket.Seconds:0.######}\"}} {bucket.Count}\n");
        }

        text.Append($"weir_http_request_duration_seconds_bucket{{le=\"+Inf\"}} {proxy.LatencyCount}\n");
        text.Append($"weir_http_request_duration_seconds_sum {proxy.LatencySumSeconds}\n");
        text.Append($"weir_http_request_duration_seconds_count {proxy.LatencyCount}\n");
    }

    private static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append($"# HELP {name} {help}\n# TYPE {name} {type}\n");

    private static void One<T>(StringBuilder text, string name, string type, string help, T value)
    {
        Head(text, name, type, help);
        text.Append($"{name} {value}\n");
    }

    private static void Many(StringBuilder text, string name, string help, string label, IEnumerable<NamedCount> counts)
    {
        Head(text, name, "counter", help);
        foreach (NamedCount count in counts)
        {
            text.Append($"{name}{{{label}=\"{count.Name}\"}} {count.Count}\n");
        }
    }
}
