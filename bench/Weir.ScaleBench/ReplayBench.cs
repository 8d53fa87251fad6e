// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Control.Replaying;
using Weir.Flows;
using Weir.Policy;

namespace Weir.ScaleBench;

/// <summary>A record of many flows, as the agent writes it, judged by a policy that is not in force.</summary>
internal static class ReplayBench
{
    private const int Containers = 200;
    private const int OfBlock = 4000; // different ones of ten seconds

    internal static int Run(string folder, int flows)
    {
        var options = new RecordOptions(folder) { MostBytes = long.MaxValue, Longest = TimeSpan.FromDays(3650) };
        DateTimeOffset start = DateTimeOffset.UtcNow.AddDays(-6);
        using (var journal = new RecordJournal(options, TimeProvider.System))
        {
            var random = new Random(1);
            for (int done = 0; done < flows; done += OfBlock)
            {
                DateTimeOffset from = start.AddSeconds(done / OfBlock * 10);
                journal.Append(new RecordBlock { Flows = { Enumerable.Range(0, Math.Min(OfBlock, flows - done)).Select(_ => Make(random, from)) } }, from, from.AddSeconds(10));
            }
        }

        using var record = new RecordJournal(options, TimeProvider.System);
        Print("bytes a flow on disk, as blocks", (double)record.Extent().Bytes / flows);
        Ask("as blocks", record, flows);
        Measure("made segments of", flows, () => MakeSegments(record));
        Print("bytes a flow on disk, as segments", (double)record.Extent().Bytes / flows);
        Ask("as segments", record, flows);
        PolicyEngine now = Engine(15), draft = Engine(14);
        Measure("read alone", flows, () => All(record).Count());
        SeenFlows? seen = null;
        Measure("read and summed up", flows, () => seen = SeenFlows.Of(All(record)));
        Measure("judged", flows, () => Tell(ReplayDesk.Try(draft, now, seen!, new TriedPolicy([], []))));
        Measure("all of it", flows, () => ReplayDesk.Try(draft, now, SeenFlows.Of(All(record)), new TriedPolicy([], [])));
        Print("different flows", seen!.All().Count);
        Print("peak memory, MB", Process.GetCurrentProcess().PeakWorkingSet64 / 1024.0 / 1024.0);
        return 0;
    }

    private static IEnumerable<RecordedFlow> All(RecordJournal record) => Read(record, new MonitorRequest());

    private static IEnumerable<RecordedFlow> Read(RecordJournal record, MonitorRequest request) =>
        record.Read(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue, FlowFilter.OfRecord(request), Console.WriteLine);

    private static RecordJournal MakeSegments(RecordJournal record)
    {
        record.MakeSegments(CancellationToken.None);
        return record;
    }

    /// <summary>What somebody wants to see of one container, and of one that is nowhere.</summary>
    private static void Ask(string how, RecordJournal record, int flows)
    {
        foreach (string name in new[] { "shop-s17-1", "shop-s17-1", "nobody" })
        {
            int found = 0;
            Measure($"{how}: asked for {name}", flows, () => found = Read(record, new MonitorRequest { RelatedTo = { name } }).Count());
            Print($"{how}: flows of {name}", found);
        }
    }

    private static TriedPolicy Tell(TriedPolicy tried)
    {
        Print("would be refused", tried.Count(TriedOutcome.Refused));
        Print("would be allowed", tried.Count(TriedOutcome.Allowed));
        Print("cannot be told", tried.Count(TriedOutcome.Unknown));
        return tried;
    }

    private static void Measure(string what, int flows, Func<object> work)
    {
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long began = Stopwatch.GetTimestamp();
        work();
        Print($"{what}, s", Stopwatch.GetElapsedTime(began).TotalSeconds);
        double used = (Environment.CpuUsage.TotalTime - cpu).TotalSeconds;
        Print($"{what}, s of CPU", used);
        Print($"{what}, µs of CPU a flow", used * 1e6 / flows);
    }

    private static void Print(string what, double figure) => Console.WriteLine($"{what,-40} {figure.ToString("0.##", CultureInfo.InvariantCulture)}");

    /// <summary>Two hundred services, each of which lets the one before it in.</summary>
    private static PolicyEngine Engine(int methods)
    {
        string rules = string.Concat(Enumerable.Range(0, Containers).Select(i => $"""
            - endpointSelector: %%matchLabels: %%com.docker.compose.service: s{i}&&&&
              ingress:
                - fromEndpoints: [%%matchLabels: %%com.docker.compose.service: s{Next(i)}&&&&]
                  toPorts: [%%ports: [%%port: "8080", protocol: TCP&&], rules: %%http: [%%method: "{(i % 16 < methods ? "GET|PUT" : "GET")}", path: "/orders/[^?/]+"&&, %%path: "/list([?].*)?"&&]&&&&]
                - fromCIDR: [198.51.100.0/24]
                  toPorts: [%%ports: [%%port: "8080", protocol: TCP&&]&&]

            """.Replace("%%", "{", StringComparison.Ordinal).Replace("&&", "}", StringComparison.Ordinal)));
        PolicyReadResult read = PolicyReader.Read("bench.yaml", rules);
        return read.HasErrors ? throw new InvalidOperationException(read.Problems[0].ToString()) : new PolicyEngine(PolicySet.Empty.With(read.Documents), EnforcementMode.Default);
    }

    private static RecordedFlow Make(Random random, DateTimeOffset from)
    {
        int server = random.Next(Containers);
        bool isRequest = random.Next(2) == 0;
        string[] paths = ["/orders/*", "/orders/*?*", "/list", "/list?*", "/admin"];
        var flow = new Flow
        {
            Time = Timestamp.FromDateTimeOffset(from.AddMilliseconds(random.Next(9000))),
            Type = isRequest ? FlowType.L7 : FlowType.Verdict,
            Verdict = "allowed",
            Direction = "ingress",
            Protocol = "tcp",
            Port = "8080/tcp",
            Source = random.Next(8) == 0
                ? new FlowEnd { Ip = $"198.51.{random.Next(100, 102)}.{random.Next(256)}", Identity = 9, Labels = { "reserved:world-ipv4", "reserved:world" } }
                : End(random.Next(8) == 0 ? (server + 7) % Containers : Next(server)),
            Destination = End(server),
            EndpointId = (uint)server + 1,
            EndpointName = $"shop-s{server}-1",
            Rule = new RuleInfo { Id = (uint)server + 1, Name = $"bench[{server}]", File = "/etc/weir/policies/bench.yaml", Line = server * 8 },
            Explanation = $"ingress: allowed by rule bench[{server}] at /etc/weir/policies/bench.yaml:{server * 8}",
            Http = isRequest ? new HttpAccess { Method = random.Next(3) == 0 ? "PUT" : "GET", Path = paths[random.Next(paths.Length)], Host = $"s{server}:8080", Protocol = "HTTP/1.1", Status = 200, Verdict = "allowed" } : null,
        };
        flow.Destination.Port = 8080;
        return new RecordedFlow { Flow = flow, Last = Timestamp.FromDateTimeOffset(from.AddSeconds(9)), Count = (ulong)random.Next(1, 20), Bytes = 4711 };
    }

    private static int Next(int container) => (container + 1) % Containers;

    private static FlowEnd End(int container) => new()
    {
        Ip = $"10.210.{container / 250}.{(container % 250) + 2}",
        Identity = (uint)container + 256,
        EndpointId = (uint)container + 1,
        Name = $"shop-s{container}-1",
        Labels = { "container:com.docker.compose.project=shop", $"container:com.docker.compose.service=s{container}", "container:team=payments", "container:tier=backend" },
    };
}
