// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using Weir.Api;

namespace Weir.Cli;

/// <summary>Values that the shell offers: names that the agent knows now. None, and no word about it, while the
/// agent is away.</summary>
internal static class Completion
{
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(500);

    private static readonly string[] _reserved = ["host", "world", "world-ipv4", "world-ipv6", "init"];

    /// <summary>Containers, by name.</summary>
    internal static IEnumerable<string> Endpoints(Api.Agent.AgentClient agent) =>
        agent.ListEndpoints(new ListEndpointsRequest()).Endpoints.Select(endpoint => endpoint.Name);

    /// <summary>Who may be at an end of a flow.</summary>
    internal static IEnumerable<string> Ends(Api.Agent.AgentClient agent) => Endpoints(agent).Concat(_reserved);

    /// <summary>Labels of containers, as "key=value".</summary>
    internal static IEnumerable<string> LabelsOfEndpoints(Api.Agent.AgentClient agent) =>
        agent.ListEndpoints(new ListEndpointsRequest()).Endpoints.SelectMany(endpoint => endpoint.Labels).Select(label => Labels.Short([label]));

    /// <summary>Identities: numbers, and names of those that have one.</summary>
    internal static IEnumerable<string> Identities(Api.Agent.AgentClient agent) =>
        agent.ListIdentities(new ListIdentitiesRequest()).Identities.Select(identity => identity.Name.Length > 0 ? identity.Name : $"{identity.Identity}");

    internal static IEnumerable<string> Policies(Api.Agent.AgentClient agent) =>
        agent.ListPolicies(new ListPoliciesRequest()).Policies.Select(policy => policy.Name);

    internal static IEnumerable<string> Services(Api.Agent.AgentClient agent) =>
        agent.ListServices(new ListServicesRequest()).Services.Select(service => service.Name);

    /// <summary>Addresses of services' backends.</summary>
    internal static IEnumerable<string> Backends(Api.Agent.AgentClient agent) =>
        agent.ListServices(new ListServicesRequest()).Services.SelectMany(service => service.Backends).Select(backend => backend.Address);

    internal static IEnumerable<string> Maps(Api.Agent.AgentClient agent) => agent.ListMaps(new ListMapsRequest()).Maps.Select(map => map.Name);

    internal static IEnumerable<string> Prefilter(Api.Agent.AgentClient agent) =>
        agent.ListPrefilter(new ListPrefilterRequest()).Rows.Select(row => row.Prefix);

    internal static IEnumerable<string> Networks(Api.Agent.AgentClient agent) =>
        agent.ListNetworks(new ListNetworksRequest()).Networks.Select(network => network.Name);

    /// <summary>Nodes that can be asked.</summary>
    internal static IEnumerable<string> Nodes(Api.Agent.AgentClient agent) =>
        agent.ListNodes(new ListNodesRequest()).Nodes.Select(node => node.Name);

    /// <summary>Containers with published ports.</summary>
    internal static IEnumerable<string> Publishers(Api.Agent.AgentClient agent) =>
        agent.ListPublished(new ListPublishedRequest()).Ports.Select(port => port.Container);

    /// <summary>Published ports of the host.</summary>
    internal static IEnumerable<string> PublishedPorts(Api.Agent.AgentClient agent) =>
        agent.ListPublished(new ListPublishedRequest()).Ports.Select(port => $"{port.HostPort}/{port.Protocol}");

    /// <summary>Makes the shell offer what the agent names.</summary>
    internal static Argument<T> Completes<T>(this Argument<T> argument, Func<Api.Agent.AgentClient, IEnumerable<string>> names)
    {
        argument.CompletionSources.Add(context => Ask(context, names));
        return argument;
    }

    /// <summary>Likewise, of an option's value.</summary>
    internal static Option<T> Completes<T>(this Option<T> option, Func<Api.Agent.AgentClient, IEnumerable<string>> names)
    {
        option.CompletionSources.Add(context => Ask(context, names));
        return option;
    }

    private static string[] Ask(CompletionContext context, Func<Api.Agent.AgentClient, IEnumerable<string>> names) =>
        AgentClient.TryAsk(context.ParseResult, _patience, agent => names(agent).Where(name => name.Length > 0).Distinct().ToArray()) ?? [];
}
