// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Weir.Agent.Peers;
using Weir.Api;
using Weir.Control;
using Weir.Control.Cluster;
using Weir.Net;

namespace Weir.Agent;

/// <summary>The API's part for many hosts.</summary>
internal sealed class ClusterAnswers(ControlPlane control, PeerDoors peers, TimeProvider time)
{
    internal const string ByItself = "this host is by itself: set cluster.endpoints, node.name and node.address in /etc/weir/agent.yaml and restart the agent (docs/guides/many-hosts.md)";

    private ClusterDesk Cluster => control.Cluster ?? throw new ControlException(ByItself);

    /// <summary>One line for status.</summary>
    internal string State => control.Cluster is not { } cluster ? "none: this host is by itself"
        : cluster.State.Problem is { } problem ? $"{cluster.Options.Name}: not heard for {Age(cluster.State.Since)}, what was heard last is in force: {problem}"
        : $"{cluster.Options.Name}, one of {cluster.Nodes.Count} nodes{Lacking(cluster)}";

    /// <summary>What an operator should know of.</summary>
    internal IEnumerable<string> Warnings => [.. OfNodes(), .. peers.Warnings];

    internal ListNodesResponse ListNodes()
    {
        var response = new ListNodesResponse { State = State };
        response.Nodes.AddRange((control.Cluster?.Nodes ?? []).Select(node => new Node
        {
            Name = node.Name,
            Address = $"{node.Address}",
            Self = node.IsSelf,
            Version = node.Version,
            Started = Timestamp.FromDateTimeOffset(node.Started),
            Endpoints = node.Endpoints,
            Way = node.IsSelf ? "" : node.IsOverlay ? "overlay" : "direct",
            PolicyRevision = node.PolicyRevision,
            PolicyProblem = node.PolicyProblem ?? "",
            Silence = node.Silence?.ToDuration(),
            State = node.Reach.State.ToString().ToLowerInvariant(),
            StateSince = node.Reach.Since is { } since ? Timestamp.FromDateTimeOffset(since) : null,
            RoundTripMs = node.Reach.RoundTrip?.TotalMilliseconds ?? 0,
            StateProblem = node.Reach.Problem ?? "",
            Port = node.Door?.Port ?? 0,
        }));
        return response;
    }

    internal async Task<ForgetNodeResponse> ForgetAsync(ForgetNodeRequest request, CancellationToken cancel)
    {
        await Cluster.ForgetNodeAsync(request.Name, cancel);
        return new ForgetNodeResponse();
    }

    /// <summary>The revision of the policy of all nodes, and where it is in force.</summary>
    internal (long Revision, IReadOnlyList<PolicyNode> Nodes) Policy()
    {
        long revision = control.Cluster?.PolicyRevision ?? 0;
        return (revision, revision == 0 ? [] : [.. control.Cluster!.Nodes.Select(node => new PolicyNode
        {
            Node = node.Name,
            Revision = node.PolicyRevision,
            InForce = node.PolicyRevision == revision && node.PolicyProblem is null,
            Problem = node.PolicyProblem ?? "",
        })]);
    }

    internal ListNetworksResponse ListNetworks() => new() { Networks = { Cluster.Networks.Select(Network) } };

    internal ListNamesResponse ListNames(ListNamesRequest request)
    {
        var response = new ListNamesResponse();
        foreach (NameView name in Cluster.NamesOf(request.Network))
        {
            var known = new KnownName { Name = name.Name, Service = name.IsService };
            known.Addresses.AddRange(name.Addresses.Select(one => new NamedAddress { Address = $"{one.Address}", Node = one.Node, Of = one.Of }));
            response.Names.Add(known);
        }

        return response;
    }

    internal async Task<CreateNetworkResponse> CreateAsync(CreateNetworkRequest request, CancellationToken cancel)
    {
        await Cluster.CreateNetworkAsync(request.Name, request.Subnets, request.Internal, request.Mtu == 0 ? null : request.Mtu, cancel);
        return new CreateNetworkResponse { Network = new SharedNetwork { Name = request.Name, Ranges = { request.Subnets }, Internal = request.Internal, Mtu = request.Mtu } };
    }

    internal async Task<DeleteNetworkResponse> DeleteAsync(DeleteNetworkRequest request, CancellationToken cancel)
    {
        await Cluster.DeleteNetworkAsync(request.Name, cancel);
        return new DeleteNetworkResponse();
    }

    private IEnumerable<string> OfNodes() => control.Cluster is not { } cluster ? [] : cluster.State.Problem is not null ? [$"cluster: {State}"] :
    [
        .. cluster.Nodes.Where(node => node.Silence is not null).Select(node =>
            $"node {node.Name} is silent for {Age(node.Silence!.Value)}: what it said last of its containers holds; look at its agent and at its way to etcd, or 'weir node forget {node.Name}' if it will not come back"),
        .. Unreachable(cluster).Where(node => node.Silence is null).Select(node =>
            $"degraded: node {node.Name} is alive and has answered nothing for {Age(node.Reach.Since!.Value)} by {(node.IsOverlay ? "the overlay (UDP 8472)" : $"the routes to {node.Address}")}{Because(node)}: its containers may not be reached from here"),
    ];

    private static IEnumerable<NodeView> Unreachable(ClusterDesk cluster) => cluster.Nodes.Where(node => node.Reach.State == NodeState.Unreachable);

    private static string Because(NodeView node) => node.Reach.Problem is { } problem ? $" ({problem})" : "";

    /// <summary>", 1 of them silent, 1 unreachable".</summary>
    private static string Lacking(ClusterDesk cluster)
    {
        int silent = cluster.Nodes.Count(node => node.Silence is not null);
        int unreachable = Unreachable(cluster).Count();
        return (silent, unreachable) switch
        {
            (0, 0) => "",
            (_, 0) => $", {silent} of them silent",
            (0, _) => $", {unreachable} of them unreachable",
            _ => $", {silent} of them silent, {unreachable} unreachable",
        };
    }

    private static SharedNetwork Network(SharedNetworkView view) => new()
    {
        Name = view.Network.Name,
        Ranges = { view.Network.Ranges.Select(range => $"{range}") },
        Internal = view.Network.IsInternal,
        Mtu = view.Network.Mtu ?? 0,
        Blocks = { view.Blocks.Select(block => new NetworkBlock { Block = $"{block.Block}", Node = block.Node }) },
        Endpoints = view.Endpoints,
    };

    private string Age(DateTimeOffset since) => Age(time.GetUtcNow() - since);

    private static string Age(TimeSpan age) => age switch
    {
        { TotalMinutes: < 2 } => $"{age.TotalSeconds:F0} s",
        { TotalHours: < 2 } => $"{age.TotalMinutes:F0} min",
        _ => $"{age.TotalHours:F0} h",
    };
}
