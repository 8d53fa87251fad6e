// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Weir.Api;

namespace Weir.Ui.Tests;

/// <summary>Compose projects as they are found on hosts, and what flows between their services.</summary>
internal sealed class Stack
{
    private static readonly string[] _paths = ["/", "/orders/*", "/cart", "/products?page=2", "/login", "/search"];

    private readonly Dictionary<string, FlowEnd> _ends = [];
    private readonly Random _random = new(7);
    private readonly List<(string From, string To, uint Port, double Rate, double Latency, string? Denied)> _ways = [];
    private uint _number;

    /// <summary>The one of the screenshots.</summary>
    internal static Stack Shops()
    {
        var stack = new Stack();
        stack.Project("shop", "web", "api", "api", "api", "orders", "payments", "catalog", "search", "db", "cache", "queue", "worker", "worker");
        stack.Project("monitoring", "prometheus", "grafana", "loki", "agent");
        stack.Project("blog", "ghost", "mysql", "backup");
        stack.Container("registry", "app=registry");
        stack.Container("cron", "app=cron");
        stack.Outside("world", 2, "reserved:world", "203.0.113.7");
        stack.Outside("host", 1, "reserved:host", "10.210.0.1");
        stack.Outside("", 16777217, "cidr:198.51.100.0/24", "198.51.100.23");
        foreach ((string from, string to, uint port, double rate, double latency, string? denied) in new (string, string, uint, double, double, string?)[]
        {
            ("world", "shop-web-1", 443, 14, 22, null), ("shop-web-1", "shop-api-1", 8080, 11, 9, null), ("shop-web-1", "shop-api-2", 8080, 10, 9, null), ("shop-web-1", "shop-api-3", 8080, 9, 11, null),
            ("shop-api-1", "shop-orders-1", 8080, 5, 14, null), ("shop-api-2", "shop-catalog-1", 8080, 12, 4, null), ("shop-api-3", "shop-cache-1", 6379, 16, 0.4, null),
            ("shop-catalog-1", "shop-search-1", 9200, 6, 18, null), ("shop-catalog-1", "shop-db-1", 5432, 8, 2, null), ("shop-orders-1", "shop-db-1", 5432, 5, 3, null), ("shop-orders-1", "shop-payments-1", 8080, 2, 120, null),
            ("shop-orders-1", "shop-queue-1", 5672, 3, 0, null), ("shop-worker-1", "shop-queue-1", 5672, 4, 0, null), ("shop-worker-2", "shop-db-1", 5432, 1, 5, null), ("shop-payments-1", "198.51.100.0/24", 443, 1.5, 180, null),
            ("monitoring-prometheus-1", "shop-api-1", 9100, 0.6, 3, null), ("monitoring-prometheus-1", "blog-ghost-1", 9100, 0.4, 3, "not"), ("monitoring-grafana-1", "monitoring-prometheus-1", 9090, 0.8, 25, null),
            ("monitoring-grafana-1", "monitoring-loki-1", 3100, 0.5, 30, null), ("monitoring-agent-1", "monitoring-loki-1", 3100, 2, 2, null), ("host", "monitoring-grafana-1", 3000, 0.3, 12, null),
            ("world", "blog-ghost-1", 2368, 3, 35, null), ("blog-ghost-1", "blog-mysql-1", 3306, 4, 1.5, null), ("blog-backup-1", "blog-mysql-1", 3306, 0.2, 40, null),
            ("blog-ghost-1", "shop-db-1", 5432, 0.8, 0, "policy-denied"), ("cron", "shop-api-2", 8080, 0.5, 6, "l7"), ("cron", "198.51.100.0/24", 25, 0.3, 0, "policy-denied"), ("registry", "world", 443, 0.2, 60, null),
            ("world", "registry", 5000, 0.4, 8, "not"), ("cron", "shop-cache-1", 6379, 0.6, 0, "audited"),
        })
        {
            stack._ways.Add((from, to, port, rate, latency, denied == "not" ? null : denied));
        }

        return stack;
    }

    /// <summary>So many services that each speak with three others.</summary>
    internal static Stack Of(int nodes)
    {
        var stack = new Stack();
        const int Each = 20;
        for (int project = 0; project < nodes / Each; project++)
        {
            stack.Project($"project{project}", [.. Enumerable.Range(0, Each).Select(i => $"service{i}")]);
        }

        string[] names = [.. stack._ends.Keys];
        for (int i = 0; i < names.Length; i++)
        {
            int first = i / Each * Each;
            foreach (int step in new[] { 1, 4, 9 })
            {
                stack._ways.Add((names[i], names[first + (i - first + step) % Each], 8080, 2, 5, i % 17 == 0 && step == 9 ? "policy-denied" : null));
            }

            stack._ways.Add((names[i], names[(i * 31 + 57) % names.Length], 8080, 1, 5, null));
        }

        return stack;
    }

    internal IReadOnlyDictionary<string, FlowEnd> Ends => _ends;

    internal Stack Project(string project, params string[] services)
    {
        foreach (IGrouping<string, string> service in services.GroupBy(name => name))
        {
            for (int i = 1; i <= service.Count(); i++)
            {
                Container($"{project}-{service.Key}-{i}", $"com.docker.compose.project={project}", $"com.docker.compose.service={service.Key}");
            }
        }

        return this;
    }

    internal FlowEnd Container(string name, params string[] labels)
    {
        FlowEnd? alike = _ends.Values.FirstOrDefault(end => end.EndpointId != 0 && end.Labels.SequenceEqual(labels.Select(label => "container:" + label)));
        _number++;
        return _ends[name] = new FlowEnd
        {
            Name = name, EndpointId = _number, Identity = alike?.Identity ?? 255 + _number, Ip = $"10.210.{_number / 250}.{_number % 250 + 2}", Labels = { labels.Select(label => "container:" + label) },
        };
    }

    internal void Fill(FakeAgent agent)
    {
        foreach (FlowEnd end in _ends.Values.Where(end => end.EndpointId != 0))
        {
            agent.Endpoints.Add(new Endpoint
            {
                Id = end.EndpointId, Name = end.Name, Identity = end.Identity, Labels = { end.Labels }, Ipv4 = end.Ip, State = "ready", Network = end.Name.Split('-')[0], Image = "registry.example/" + end.Name.Split('-').ElementAtOrDefault(1),
                ContainerId = "4f2a9c1b7d3e" + end.EndpointId, Interface = $"weir{end.EndpointId}", IngressEnforced = end.Name.StartsWith("shop", StringComparison.Ordinal), PolicyEntries = 6, Flows = end.EndpointId * 3 % 17,
                Created = Timestamp.FromDateTime(DateTime.UtcNow.AddHours(-5)),
            });
        }

        agent.Status.Endpoints = agent.Endpoints.Count;
        foreach ((string from, string to, uint port, double rate, double latency, string? denied) in _ways)
        {
            ulong count = (ulong)Math.Max(1, rate * 900);
            agent.Record.Add(Recorded(From(from, to, port, latency, denied), count, latency));
            if (denied is null or "audited")
            {
                agent.Record.Add(Connections(From(from, to, port), count / 8 + 1));
            }
        }

        agent.Record.Sort((a, b) => a.Last.CompareTo(b.Last));
    }

    /// <summary>What flows in so much time, chosen at random.</summary>
    internal IEnumerable<Flow> Next(double seconds)
    {
        foreach ((string from, string to, uint port, double rate, double latency, string? denied) in _ways)
        {
            double expected = rate * seconds;
            int flows = (int)expected + (_random.NextDouble() < expected - (int)expected ? 1 : 0);
            for (int i = 0; i < flows; i++)
            {
                yield return From(from, to, port, latency * (0.5 + _random.NextDouble()), denied);
            }
        }
    }

    internal Flow From(string from, string to, uint port, double latency = 0, string? denied = null)
    {
        FlowEnd source = _ends[from].Clone();
        FlowEnd destination = _ends[to].Clone();
        source.Port = (uint)_random.Next(32768, 60999);
        destination.Port = port;
        var flow = new Flow
        {
            Time = Timestamp.FromDateTime(DateTime.UtcNow), Type = FlowType.Verdict, Verdict = "allowed", Direction = "ingress", Protocol = "tcp", Port = $"{port}/tcp", Source = source, Destination = destination,
            EndpointId = destination.EndpointId, EndpointName = destination.Name, Length = 60, TcpFlags = "S",
        };
        bool isHttp = latency > 0 && port is 8080 or 443 or 2368 or 3000 or 9090;
        if (denied is null or "l7")
        {
            flow.Rule = new RuleInfo { Name = $"{from.Split('-').ElementAtOrDefault(1) ?? from}-to-{to.Split('-').ElementAtOrDefault(1) ?? to}", File = "/etc/weir/policies/shop.yaml", Line = 4 + (int)(port % 40) };
        }

        if (isHttp)
        {
            flow.Type = FlowType.L7;
            flow.TcpFlags = "";
            flow.Http = new HttpAccess
            {
                Method = _random.Next(4) == 0 ? "POST" : "GET", Path = _paths[_random.Next(_paths.Length)], Host = to.Split('-').ElementAtOrDefault(1) ?? to, Protocol = "HTTP/1.1", Status = denied is null ? 200u : 403,
                Verdict = denied is null ? "allowed" : "refused", LatencyMs = Math.Round(latency, 2), ResponseBytes = (ulong)_random.Next(200, 20000),
            };
            flow.Verdict = denied is null ? "allowed" : "denied";
        }

        if (denied == "policy-denied")
        {
            flow.Type = FlowType.Drop;
            flow.Verdict = "denied";
            flow.DropReason = "policy-denied";
            flow.DropReasonText = "no rule allows it";
            flow.Explanation = $"ingress: denied, no rule allows it; nearest is db-clients at /etc/weir/policies/shop.yaml:31: it allows from com.docker.compose.service=orders, not from {from}";
        }
        else if (denied == "audited")
        {
            flow.Verdict = "audited";
            flow.Explanation = "ingress: allowed; rules in audit would deny it: no rule allows it; nearest is cache-clients at /etc/weir/policies/shop.yaml:44";
        }
        else if (denied == "l7")
        {
            flow.Explanation = "rule api-readers at /etc/weir/policies/shop.yaml:18 allows only GET /orders/[0-9]+";
        }

        return flow;
    }

    /// <summary>The end of a connection, as its sockets measured it.</summary>
    internal static Flow Ended(Flow began) => new(began)
    {
        Type = FlowType.Tcp, Verdict = "", TcpFlags = "", Http = null, Rule = null,
        Tcp = new TcpConnection { End = "fin", Sent = 900, Received = 52_000, HandshakeMs = 1.6, RoundTripMs = 1.5, Segments = 40, Retransmits = 3, Seconds = 0.8 },
    };

    private RecordedFlow Connections(Flow flow, ulong count)
    {
        Flow ended = Ended(flow);
        ended.Tcp = null;
        RecordedFlow recorded = Recorded(ended, count, 0);
        recorded.RoundTrips.Add([.. Enumerable.Repeat(0U, 9), (uint)count]);
        recorded.Segments = count * 40;
        recorded.Retransmits = flow.Destination.Port == 9200 ? count : 0;
        return recorded;
    }

    private void Outside(string name, uint identity, string label, string ip) =>
        _ends[name.Length > 0 ? name : label["cidr:".Length..]] = new FlowEnd { Identity = identity, Ip = ip, Labels = { label } };

    private RecordedFlow Recorded(Flow flow, ulong count, double latency)
    {
        flow.Time = Timestamp.FromDateTime(DateTime.UtcNow.AddSeconds(-_random.Next(10, 3000)));
        var recorded = new RecordedFlow { Flow = flow, Count = count, Last = flow.Time, Bytes = count * 800 };
        if (flow.Http is not null)
        {
            int bucket = (int)Math.Log2(latency * 1000) + 1;
            recorded.Latencies.Add(Enumerable.Range(0, bucket + 3).Select(i => i == bucket ? (uint)count : i == bucket + 2 ? (uint)(count / 30) : 0));
        }

        return recorded;
    }
}
