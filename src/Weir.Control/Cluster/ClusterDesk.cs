// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Weir.Control.Addresses;
using Weir.Control.Cluster;
using Weir.Control.Endpoints;
using Weir.Control.Identities;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Net;
using Weir.Store;

namespace Weir.Control;

/// <summary>The cluster as this node has it: nodes, shared networks.</summary>
public sealed class ClusterDesk : IDisposable
{
    /// <summary>etcd takes 128 operations, comparisons among them.</summary>
    internal const int MostOperations = 60;

    private readonly Writer _writer;
    private readonly IKeyValues _shared;
    private readonly SharedPolicy _policy;
    private readonly SharedServices _services;
    private readonly ClusterAnnouncer _announcer;
    private readonly ClusterSource _source;
    private readonly NodeProber _prober;

    internal ClusterDesk(
        Writer writer, IKeyValues shared, ClusterOptions options, IStore durable, IdentityAllocator identities, EndpointManager endpoints, Reconciler reconciler, SharedPolicy policy, SharedServices services, Func<IPAddress, bool> isOnLink, Action follow, INodeEcho echo, TimeProvider time, ILogger log)
    {
        _writer = writer;
        _shared = shared;
        _policy = policy;
        _services = services;
        Options = options;
        _announcer = new ClusterAnnouncer(writer, shared, options, InstanceOf(durable), typeof(ClusterDesk).Assembly.GetName().Version?.ToString() ?? "", time);
        _source = new ClusterSource(writer, shared, options, identities, endpoints, reconciler, _announcer, new ClusterMemory(durable), policy, services, isOnLink, follow, time, log);
        _prober = new NodeProber(() => Nodes, echo, time, NodeProber.UsualEvery);
    }

    /// <summary>Who this node is.</summary>
    public ClusterOptions Options { get; }

    /// <summary>Whether what the others say is heard.</summary>
    public ClusterState State => _source.State;

    /// <summary>The revision of the policy of all nodes; 0: there is none.</summary>
    public long PolicyRevision => _writer.World.Cluster?.PolicyRevision ?? 0;

    /// <summary>All nodes that are known, this one among them.</summary>
    public IReadOnlyList<NodeView> Nodes
    {
        get
        {
            World world = _writer.World;
            return [.. (world.Cluster?.Nodes.Values ?? []).Select(node => View(world, node))];
        }
    }

    /// <summary>Networks that all nodes have.</summary>
    public IReadOnlyList<SharedNetworkView> Networks
    {
        get
        {
            World world = _writer.World;
            ClusterView view = world.Cluster ?? ClusterView.Empty;
            return [.. view.Networks.Values.Select(network => new SharedNetworkView(
                network,
                [.. view.Blocks.Values.Where(block => block.Network == network.Name).OrderBy(block => block.Block).Select(block => (block.Block, block.Node))],
                view.Endpoints.Values.SelectMany(endpoints => endpoints.Values).Count(endpoint => endpoint.Network == network.Name)))];
        }
    }

    /// <summary>Shared networks from whose every range this node can give addresses.</summary>
    public IReadOnlyList<NetworkRecord> Usable => [.. Networks.Where(network =>
        network.Network.Ranges.All(range => network.Blocks.Any(block => block.Node == Options.Name && range.Contains(block.Block)))).Select(network => network.Network)];

    /// <summary>What containers of a network are answered for on this node.</summary>
    /// <exception cref="ControlException">There is no such network, or this node's Docker has it not yet.</exception>
    public IReadOnlyList<NameView> NamesOf(string network)
    {
        World world = _writer.World;
        return world.Networks.Values.Any(known => known.Shared == network) ? NetworkNames.Views(world, network)
            : throw new ControlException(world.Cluster?.Networks.ContainsKey(network) == true
                ? $"Docker on this node does not have network {network} yet; 'journalctl -u weir' says why, if it stays so"
                : $"no node has a network \"{network}\"; 'weir network list' shows what there is");
    }

    /// <summary>After a start, before anything is changed.</summary>
    internal void Recall() => _source.Recall();

    internal void LookAgain() => _source.LookAgain();

    /// <summary>Every few seconds: what could not be put in force here may be by now.</summary>
    internal void TryAgain()
    {
        if (_writer.World is { Cluster: { } now, SharedServices.Problems.IsEmpty: false })
        {
            _services.Follow(now, again: true);
        }

        if (_writer.World is { Cluster: { } view, SharedPolicy.Problem: not null })
        {
            _policy.Follow(view);
        }
    }

    /// <summary>Begins once kernel and records agree.</summary>
    public void Start()
    {
        _source.Start();
        _prober.Start();
    }

    /// <summary>Makes a network on all nodes, those that come later too.</summary>
    /// <param name="subnets">One of a family at most.</param>
    /// <param name="mtu">Null: each agent's default.</param>
    /// <exception cref="ControlException">It cannot be made; nothing was changed.</exception>
    public Task CreateNetworkAsync(string name, IReadOnlyCollection<string> subnets, bool isInternal, int? mtu, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(subnets);
        IpPrefix[] ranges = [.. subnets.Select(subnet => IpPrefix.TryParse(subnet, out IpPrefix? range) ? range.Masked : throw new ControlException($"--subnet {subnet} is not an address prefix; write for example 10.40.0.0/16"))];
        if (ranges.Length == 0 || ranges.GroupBy(range => range.IsIpv6).Any(family => family.Count() > 1))
        {
            throw new ControlException("a network has one IPv4 --subnet, one IPv6 --subnet, or one of each");
        }

        return CreateNetworkAsync(new NetworkRecord(name, ranges, isInternal, mtu), cancel);
    }

    internal async Task CreateNetworkAsync(NetworkRecord network, CancellationToken cancel)
    {
        RequireName(network.Name);
        foreach (IpPrefix range in network.Ranges)
        {
            SubnetRules.Check(range);
            if (BlockPlan.LengthOf(range) - range.Length < 2)
            {
                throw new ControlException($"{range} is too small to be shared: at least a /{(range.IsIpv6 ? 110 : 26)} is needed, so that some nodes have a block each");
            }
        }

        foreach (NetworkRecord other in Networks.Select(one => one.Network))
        {
            if (other.Name != network.Name && other.Ranges.FirstOrDefault(range => network.Ranges.Any(range.Overlaps)) is { Address: not null } taken)
            {
                throw new ControlException($"{taken} is network {other.Name}'s: choose another --subnet");
            }
        }

        string key = ClusterKeys.Network(network.Name);
        TransactionResult result = await CommitAsync(
            $"network {network.Name} cannot be made now", new Transaction().IfAbsent(key).Put(key, JsonSerializer.SerializeToUtf8Bytes(network, ClusterContext.Default.NetworkRecord)), cancel);
        if (!result.Succeeded)
        {
            throw new ControlException($"there is a network {network.Name} already; 'weir network list' shows it");
        }
    }

    /// <summary>Takes a network from all nodes.</summary>
    /// <exception cref="ControlException">There is none, or containers are on it; nothing was changed.</exception>
    public async Task DeleteNetworkAsync(string name, CancellationToken cancel)
    {
        SharedNetworkView network = Networks.FirstOrDefault(one => one.Network.Name == name) ?? throw new ControlException($"no node has a network \"{name}\"; 'weir network list' shows what there is");
        ClusterView view = _writer.World.Cluster ?? ClusterView.Empty;
        if (network.Endpoints > 0)
        {
            string[] silent = [.. view.Endpoints.Where(there => !view.Alive.Contains(there.Key) && there.Value.Values.Any(endpoint => endpoint.Network == name)).Select(there => there.Key).Order(StringComparer.Ordinal)];
            throw new ControlException($"{(network.Endpoints == 1 ? "a container is" : $"{network.Endpoints} containers are")} on network {name}: remove what is there first"
                + (silent.Length == 0 ? "" : $"; of nodes that are silent and will not come back, by 'weir node forget {silent[0]}'"));
        }

        var transaction = new Transaction().Delete(ClusterKeys.Network(name));
        foreach ((IpPrefix block, _) in network.Blocks.Take(100))
        {
            transaction.Delete(ClusterKeys.Block(name, block));
        }

        await CommitAsync($"network {name} cannot be deleted now", transaction, cancel);
    }

    /// <summary>Has all nodes forget one that is silent and will not come back: its endpoints' addresses are nobody's then, its blocks free.</summary>
    /// <exception cref="ControlException">There is none, or it is alive.</exception>
    public async Task ForgetNodeAsync(string name, CancellationToken cancel)
    {
        ClusterView view = _writer.World.Cluster ?? ClusterView.Empty;
        if (!view.Nodes.ContainsKey(name))
        {
            throw new ControlException($"there is no node \"{name}\"; 'weir node list' shows all");
        }

        if (view.Alive.Contains(name))
        {
            throw new ControlException($"node {name} is alive: only one that is silent, and will not come back, can be forgotten");
        }

        // The node itself last: until then it can be forgotten again.
        string[] keys =
        [
            .. view.Endpoints.GetValueOrDefault(name, []).Keys.Select(id => ClusterKeys.Endpoint(name, id)),
            .. view.Health.GetValueOrDefault(name, []).Keys.Select(service => ClusterKeys.HealthBy(name, service)),
            .. view.Faults.Keys.Where(key => key.StartsWith(ClusterKeys.EndpointsOf(name), StringComparison.Ordinal) || key.StartsWith(ClusterKeys.HealthOf(name), StringComparison.Ordinal)),
            .. view.Uses.Where(use => use.Value.Contains(name)).Select(use => ClusterKeys.Use(use.Key, name)),
            .. view.Blocks.Values.Where(block => block.Node == name).Select(block => ClusterKeys.Block(block.Network, block.Block)),
            ClusterKeys.Node(name),
        ];
        foreach (string[] some in keys.Chunk(MostOperations))
        {
            Transaction transaction = new Transaction().IfAbsent(ClusterKeys.AliveOf(name));
            some.ToList().ForEach(key => transaction.Delete(key));
            if (!(await CommitAsync($"node {name} cannot be forgotten now", transaction, cancel)).Succeeded)
            {
                throw new ControlException($"node {name} has come back: it tells again what was forgotten of it already");
            }
        }
    }

    /// <summary>Until an endpoint has its identity; or for so long.</summary>
    public Task SettledAsync(string endpointId, TimeSpan most, CancellationToken cancel) =>
        _writer.WaitAsync(world => world.Endpoints.GetValueOrDefault(endpointId) is not { State: EndpointState.Init, WorkloadId: not null }, most, cancel);

    public void Dispose()
    {
        _prober.Dispose();
        _source.Dispose();
        _announcer.Dispose();
        _policy.Dispose();
        _services.Dispose();
    }

    private NodeView View(World world, NodeRecord node)
    {
        bool isSelf = node.Name == Options.Name;
        var view = new NodeView(node.Name, node.Address, isSelf, node.Version, node.Started, node.Endpoints, node.PolicyRevision, node.PolicyProblem, !isSelf && RemoteParts.IsOverlay(world, node), _source.SilenceOf(node.Name))
        {
            OtherAddress = node.OtherAddress,
            Door = node.Door,
            Instance = node.Instance,
        };
        NodeReach reach = isSelf ? new NodeReach(NodeState.Ready, node.Started) : _prober.ReachOf(view);
        bool isStarting = node.PolicyRevision == 0 && world.Cluster!.PolicyRevision != 0 && reach.State != NodeState.Unreachable;
        return view with { Reach = isStarting ? reach with { State = NodeState.Starting, Since = node.Started } : reach };
    }

    /// <summary>For somebody who waits for it.</summary>
    private async Task<TransactionResult> CommitAsync(string failed, Transaction transaction, CancellationToken cancel)
    {
        try
        {
            return await _shared.CommitAsync(transaction, cancel);
        }
        catch (StoreException e)
        {
            throw new ControlException($"{failed}: {e.Message}; nothing was changed");
        }
        catch (OutcomeUnknownException e)
        {
            throw new ControlException($"whether it was done is not known: {e.Message}; try it again once the shared store answers");
        }
    }

    private static void RequireName(string name)
    {
        const int Longest = 63;
        if (name.Length is 0 or > Longest || !name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.') || !char.IsAsciiLetterOrDigit(name[0]))
        {
            throw new ControlException($"\"{name}\" is no name for a network: letters, digits, '-', '_' and '.', {Longest} at most, a letter or digit first");
        }
    }

    /// <summary>Tells this node from another that took its name.</summary>
    private static string InstanceOf(IStore durable)
    {
        const string Key = "node";
        if (durable.Get(Key, StateContext.Default.KeptNode) is { } kept)
        {
            return kept.Instance;
        }

        var made = new KeptNode(Guid.NewGuid().ToString());
        durable.Put(Key, made, StateContext.Default.KeptNode);
        return made.Instance;
    }
}
