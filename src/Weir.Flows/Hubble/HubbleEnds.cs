// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Endpoint = Weir.Api.Hubble.Endpoint;
using Workload = Weir.Api.Hubble.Workload;

namespace Weir.Flows.Hubble;

/// <summary>Ends of flows in Hubble's words: containers are pods, projects of Compose are namespaces.</summary>
public static class HubbleEnds
{
    /// <summary>The namespace of containers without a project: Hubble's clients ask there when they are told none.</summary>
    public const string NoProject = "default";

    /// <summary>Weir's clusters have no names; this is what Cilium calls one that nobody named.</summary>
    public const string Cluster = "default";

    private const string Project = "container:com.docker.compose.project=";
    private const string Service = "container:com.docker.compose.service=";

    /// <summary>The namespace of a container with such labels.</summary>
    public static string NamespaceOf(IEnumerable<string> labels) => Value(labels, Project) ?? NoProject;

    internal static Endpoint Of(FlowEnd end)
    {
        string name = NameOf(end);
        var endpoint = new Endpoint
        {
            ID = end.EndpointId,
            Identity = end.Identity,
            Namespace = name.Length > 0 ? NamespaceOf(end.Labels) : "",
            PodName = name,
            ClusterName = Cluster,
            Labels = { end.Labels },
        };
        if (name.Length > 0)
        {
            string? service = Value(end.Labels, Service);
            endpoint.Workloads.Add(new Workload { Name = service ?? name, Kind = service is null ? "Container" : "ComposeService" });
        }

        return endpoint;
    }

    internal static IEnumerable<string> NamesOf(FlowEnd end) => new[] { NameOf(end), Value(end.Labels, Service) ?? "" }.Where(name => name.Length > 0).Distinct();

    /// <summary>A container of another node is "api (host2)" to Weir; a name has no space.</summary>
    private static string NameOf(FlowEnd end) => end.Name.Split(' ', 2)[0];

    private static string? Value(IEnumerable<string> labels, string start) => labels.FirstOrDefault(label => label.StartsWith(start, StringComparison.Ordinal))?[start.Length..];
}
