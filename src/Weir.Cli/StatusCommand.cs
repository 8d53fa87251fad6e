// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir status".</summary>
internal static class StatusCommand
{
    private const double BytesPerMb = 1024 * 1024;

    internal static Command Build()
    {
        var command = new Command("status", "Show how the agent is.");
        command.One((agent, _) => agent.GetStatusAsync(new GetStatusRequest()), Print, ofNodes: true);
        return command.WithExample("weir status", "weir status -o json", "weir status --all-nodes");
    }

    private static void Print(Status status) => TextTable.PrintPairs(
    [
        ("Health", status.Health),
        ("Agent", $"{Version(status)}, process {status.Pid}, since {status.Started.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss}Z, {status.MemoryBytes / BytesPerMb:F0} MB"),
        ("Docker", status.Docker),
        ("Cluster", status.Cluster),
        ("Record", status.Record),
        ("HTTP proxy", status.Proxy),
        ("HTTP verdict", status.HttpVerdict),
        ("HTTP judged", HttpJudges.Describe(status.HttpFlows, status.HttpProxyFlows)),
        ("Enforcement", status.Enforcement),
        ("Policy", $"{status.Policies} policies, {status.Rules} rules, revision {status.Revision}"),
        ("Services", $"{status.Services}"),
        ("Published ports", status.PublishedPorts),
        ("Open to the world", status.OpenToWorld.Count > 0 ? string.Join(", ", status.OpenToWorld) : "no published port"),
        ("Devices", status.Devices.Length > 0 ? status.Devices : "none"),
        ("Endpoints", status.EndpointsInit == 0 ? $"{status.Endpoints}" : $"{status.Endpoints}, {status.EndpointsInit} of them not identified"),
        ("Networks", $"{status.Networks}"),
        ("Identities", $"{status.Identities}"),
        ("Conntrack", $"{status.ConntrackEntries} of {status.ConntrackCapacity} flows"),
        ("Events lost", $"{status.EventsLost}"),
        ("IPv6", status.Ipv6),
        ("Kernel", status.Kernel),
        ("Put back", $"{status.Mended}"),
        .. status.Incidents.Select(incident => ("Lately", $"{incident.Last.ToDateTimeOffset():HH:mm:ss}Z {incident.Text}")),
        .. status.Warnings.Select(warning => ("Warning", warning)),
        .. status.Audited.Select(policy => ("In audit", policy)),
        .. status.Limits.Select(limit => ("Limit", limit)),
    ]);

    private static string Version(Status status) => status.VersionBefore.Length == 0 ? status.Version
        : $"{status.Version} ({status.VersionBefore} until {status.VersionChanged.ToDateTimeOffset():yyyy-MM-dd HH:mm:ss}Z)";
}
