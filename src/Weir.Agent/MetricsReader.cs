// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Weir.Api;
using Weir.Cli;
using Weir.Control;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Flows;
using Weir.Linux;
using Weir.Net;

namespace Weir.Agent;

/// <summary>What there is to count and to measure, at one moment.</summary>
internal sealed class MetricsReader(
    ControlPlane control, Datapath.Datapath datapath, DatapathTables tables, FlowHub flows, TcpEdges edges, ProxySupervisor proxy, BalancerAnswers balancer, TimeProvider time)
{
    private static readonly string[] _kinds = ["cidr_local", "cluster_local", "node_local", "reserved"];

    private readonly DateTimeOffset _started = Process.GetCurrentProcess().StartTime.ToUniversalTime();

    internal Metrics Read()
    {
        var metrics = new Metrics
        {
            EventsLost = flows.Lost,
            FlowsSeen = (ulong)flows.Seen,
            NamesAnswered = datapath.NameAnswers.WithAddresses,
            NamesWithoutAddress = datapath.NameAnswers.Without,
            Proxy = proxy.Stats() is { } stats ? ProxyFigures.Of(stats) : null,
            Degraded = control.Watchdog.Open.Count(incident => incident.IsDegraded),
            PolicyRevision = datapath.Revision,
            Policies = control.Policies.List("").Count,
            PolicyDelay = Of(control.Policies.Delays),
            Nodes = control.Cluster?.Nodes.Count ?? 0,
            ClusterStaleSeconds = control.Cluster?.State is { Problem: not null } state ? (time.GetUtcNow() - state.Since).TotalSeconds : 0,
            Version = ProductVersion.Text,
            MemoryBytes = (ulong)Environment.WorkingSet,
            CpuSeconds = Environment.CpuUsage.TotalTime.TotalSeconds,
            StartedSeconds = (_started - DateTimeOffset.UnixEpoch).TotalSeconds,
        };
        metrics.Rows.AddRange(tables.MetricRows());
        metrics.Audited.AddRange(tables.AuditedRows());
        metrics.AuditedPolicies = control.Views.Policies.Documents.Count(document => document.AuditedRules > 0);
        metrics.Services.AddRange(balancer.Metrics());
        metrics.TcpEdges.AddRange(edges.Read());
        metrics.Mended.AddRange(control.Watchdog.Mended.Select(kind => Count(kind.Kind, kind.Times)));
        metrics.EndpointStates.AddRange(EndpointStates());
        metrics.Identities.AddRange(Identities());
        metrics.NodeConnectivity.AddRange(Connectivity(control.Cluster?.Nodes ?? []));
        metrics.Maps.AddRange(datapath.Uses(Clock.MonotonicNs()).Append(control.Policies.Fullest)
            .Select(map => new Api.MapUse { Name = map.Name, Used = (ulong)map.Used, Max = (ulong)map.Max }));
        return metrics;
    }

    private IEnumerable<NamedCount> EndpointStates()
    {
        ILookup<EndpointState, EndpointView> states = control.Views.Endpoints.ToLookup(view => view.Endpoint.State);
        return Enum.GetValues<EndpointState>().Select(state => Count(state.ToString().ToLowerInvariant(), states[state].Count()));
    }

    /// <summary>Nodes that were not asked yet are left out: nothing is known of them.</summary>
    private static IEnumerable<NodeConnectivity> Connectivity(IReadOnlyList<NodeView> nodes)
    {
        string self = nodes.FirstOrDefault(node => node.IsSelf)?.Name ?? "";
        return nodes.Where(node => !node.IsSelf && node.Reach.State != NodeState.Alive).Select(node => new NodeConnectivity
        {
            Source = self,
            Target = node.Name,
            Reached = node.Reach.State == NodeState.Ready,
            RoundTripSeconds = node.Reach.RoundTrip?.TotalSeconds ?? 0,
        });
    }

    /// <summary>Those that somebody has, as the kinds are called in this field.</summary>
    private IEnumerable<NamedCount> Identities()
    {
        ILookup<string, IdentityView> kinds = control.Views.Identities.ToLookup(view => KindOf(view.Identity));
        return _kinds.Select(kind => Count(kind, kinds[kind].Count()));
    }

    private static string KindOf(Identity identity) =>
        identity.IsReserved ? "reserved" : identity.IsCidr ? "cidr_local" : identity.IsOfCluster ? "cluster_local" : "node_local";

    private static Durations Of(DurationCounts counts)
    {
        (IReadOnlyList<(double Seconds, long Count)> buckets, double sum, long count) = counts.Read();
        return new Durations
        {
            Buckets = { buckets.Select(bucket => new LatencyBucket { Seconds = bucket.Seconds, Count = (ulong)bucket.Count }) },
            SumSeconds = sum,
            Count = (ulong)count,
        };
    }

    private static NamedCount Count(string name, long count) => new() { Name = name, Count = (ulong)count };
}
