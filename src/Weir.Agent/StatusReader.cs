// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Weir.Agent.Hubble;
using Weir.Api;
using Weir.Control;
using Weir.Control.Host;
using Weir.Datapath;
using Weir.Docker;
using Weir.Flows;
using Weir.Linux;
using Weir.Net;

namespace Weir.Agent;

/// <summary>How the agent is.</summary>
internal sealed class StatusReader(ControlPlane control, DockerWatcher docker, DatapathTables tables, ProxySupervisor proxy, ClusterAnswers cluster, MetricsDoor metrics, HubbleDoor hubble, FlowRecorder record, AgentConfig config, VersionNote version, TimeProvider time)
{
    private readonly DateTimeOffset _started = time.GetUtcNow();

    internal Status Read()
    {
        IReadOnlyList<EndpointView> endpoints = control.Views.Endpoints;
        ConntrackCount flows = tables.CountFlows();
        var status = new Status
        {
            Version = version.Version,
            VersionBefore = version.Before ?? "",
            VersionChanged = version.Changed is { } changed ? Timestamp.FromDateTimeOffset(changed) : null,
            Pid = Environment.ProcessId,
            Started = Timestamp.FromDateTimeOffset(_started),
            Enforcement = config.Control.Enforcement.ToString().ToLowerInvariant(),
            Revision = tables.Revision,
            Endpoints = endpoints.Count,
            EndpointsInit = endpoints.Count(view => view.Endpoint.State != Control.State.EndpointState.Ready),
            Networks = control.Views.Networks.Count,
            Identities = control.Views.Identities.Count(view => view.Identity.IsLabelSet),
            Policies = control.Views.Policies.Documents.Count,
            Rules = control.Views.Policies.Rules.Count,
            Docker = docker.Status,
            ConntrackEntries = flows.Flows,
            ConntrackCapacity = tables.FlowCapacity,
            EventsLost = tables.EventsLost,
            MemoryBytes = Environment.WorkingSet,
            Proxy = proxy.Describe(),
            HttpVerdict = config.Control.HttpVerdict.ToString().ToLowerInvariant(),
            HttpFlows = flows.HttpInKernel,
            HttpProxyFlows = { Translate.HttpByProxy(flows) },
            Services = control.Services.Count,
            Devices = control.Services.IsNeeded ? string.Join(", ", control.Services.Devices.Select(device => $"{device.Name} ({device.How})")) : "not needed yet",
            Cluster = cluster.State,
            Record = record.Describe(),
            PublishedPorts = control.Published.Setting,
            Ipv6 = Ipv6.WhyOff is { } off ? $"off: {off}; containers have IPv4 only" : "on",
            Kernel = Environment.OSVersion.Version.ToString(),
        };
        status.Warnings.AddRange(control.Views.Warnings);
        status.Warnings.AddRange(cluster.Warnings);
        status.Warnings.AddRange(control.Services.Warnings);
        status.Warnings.AddRange(control.Watchdog.Open.Where(incident => incident.IsDegraded).Select(incident => $"degraded: {incident}"));
        status.Incidents.AddRange(control.Watchdog.Open.Select(Translate.Incident));
        status.Mended = (ulong)control.Watchdog.Mended.Sum(kind => kind.Times);
        status.Limits.AddRange(HostLimits.Find(config.Control).Select(limit => limit.ToString()));
        status.Warnings.AddRange(control.Published.Warnings);
        status.Warnings.AddRange(record.Problem is { } unwritten ? [$"what happens is not written down: {unwritten}"] : Array.Empty<string>());
        status.Warnings.AddRange(control.MeasuringProblem is { } unmeasured ? [unmeasured] : Array.Empty<string>());
        status.Warnings.AddRange(metrics.Problem is { } problem ? [problem] : Array.Empty<string>());
        status.Warnings.AddRange(hubble.Problem is { } unheard ? [unheard] : Array.Empty<string>());
        status.OpenToWorld.AddRange(control.Published.All.Where(port => port.IsOpenToWorld).Select(port => $"{port.Port.HostPort}/{port.Port.Protocol.Name()} ({port.Container})"));
        status.Audited.AddRange(control.Views.Policies.Documents.Where(document => document.AuditedRules > 0)
            .Select(document => $"{control.Views.Policies.DisplayName(document.Key)}: {document.AuditedRules} of {document.Rules.Count} rules are judged by and not enforced"));
        status.Health = status.Warnings.Count > 0 ? status.Warnings[0] : docker.IsConnected ? "ok" : "Docker is not connected";
        return status;
    }
}
