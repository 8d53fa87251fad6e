// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Cluster;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>Tells how the backends of services stand: who they are, where, and whether they may get new
/// connections.</summary>
/// <param name="findHop">The way to an address from here; null: there is none. LinuxExceptions are taken for none.</param>
internal sealed class MemberReader(Func<IPAddress, NextHop?> findHop)
{
    /// <summary>What one look may wait for neighbours in all: changes wait meanwhile.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(5);

    private readonly Dictionary<IPAddress, NextHop?> _known = [];
    private readonly Dictionary<IPAddress, Endpoint> _local = [];
    private readonly Dictionary<IPAddress, Remote> _remote = [];
    private World _world = World.Empty;
    private TimeSpan _patienceLeft;

    /// <summary>A container of another node.</summary>
    /// <param name="Labels">Null: they are not known yet.</param>
    /// <param name="IsSilent">Its node is not heard.</param>
    private sealed record Remote(NodeRecord Node, LabelSet? Labels, bool IsSilent);

    /// <summary>Looks at containers, of other hosts too, and at routes afresh.</summary>
    /// <param name="patient">Waits a little for neighbours that are not known yet: somebody wants to see them serve.</param>
    internal void Refresh(World world, bool patient = false)
    {
        _world = world;
        _known.Clear();
        _local.Clear();
        _remote.Clear();
        _patienceLeft = patient ? _patience : TimeSpan.Zero;
        foreach (Endpoint endpoint in world.Attached)
        {
            foreach (IPAddress address in endpoint.Addresses)
            {
                _local[address] = endpoint;
            }
        }

        Dictionary<ushort, NodeRecord> nodes = [];
        foreach (NodeRecord node in world.Cluster?.Others ?? [])
        {
            nodes.TryAdd(world.NodeNumbers.GetValueOrDefault(node.Address), node);
        }

        foreach ((IpPrefix prefix, Behind behind) in RemoteParts.RowsOf(world).Where(row => row.Behind.Node != 0))
        {
            if (!_local.ContainsKey(prefix.Address) && nodes.TryGetValue((ushort)behind.Node, out NodeRecord? node))
            {
                _remote[prefix.Address] = new Remote(node, world.Identities.GetValueOrDefault(behind.Identity), !world.Cluster!.Alive.Contains(node.Name));
            }
        }
    }

    /// <summary>The container with this address, if it is on this host.</summary>
    internal Endpoint? FindLocal(IPAddress address) => _local.GetValueOrDefault(address);

    internal IReadOnlyList<Member> Read(Service service)
    {
        List<Member> members = [.. BackendsOf(service).Select(backend => Judge(service, backend))];

        // All unhealthy: more likely the check is wrong than every backend. All are used.
        return
        [
            .. members.GroupBy(member => member.Address.IsIpv6).SelectMany(family =>
            {
                bool isLastResort = !family.Any(member => member.State == BackendState.Active);
                return family.Select(member => member with
                {
                    IsChosen = member.State == BackendState.Active || (isLastResort && member.State == BackendState.Unhealthy),
                });
            }),
        ];
    }

    private IEnumerable<BackendSpec> BackendsOf(Service service) => service.Spec.Selector is null
        ? service.Spec.Backends
        : _local.Where(local => local.Value.State == EndpointState.Ready && service.Spec.Selects(local.Value.Labels)).Select(local => local.Key)
            .Concat(_remote.Where(remote => remote.Value.Labels is { } labels && service.Spec.Selects(labels)).Select(remote => remote.Key))
            .Select(address => new BackendSpec(new BackendAddress(address, service.Spec.TargetPort)))
            .OrderBy(backend => backend.Address);

    private Member Judge(Service service, BackendSpec backend)
    {
        Endpoint? local = FindLocal(backend.Address.Address);
        Remote? remote = local is null ? _remote.GetValueOrDefault(backend.Address.Address) : null;
        IPAddress? through = remote is null ? null : remote.Node.Addresses.FirstOrDefault(address => address.AddressFamily == backend.Address.Address.AddressFamily);
        NextHop? hop = local is not null ? null : remote is null ? Find(backend.Address.Address) : through is null ? null : Find(through);
        // On one segment the MAC leads there alone.
        bool isByMac = service.Spec.Mode == ServiceMode.DsrL2 && remote is not null && _world.OnLink.Contains(remote.Node.Address);
        // A node's container is there as long as its node is: all nodes have it in their tables, whatever one knows of its neighbours.
        (BackendState state, string detail) = (local ?? (object?)remote, hop) switch
        {
            (null, null) => (BackendState.Unreachable, "no route leads to it, and no container of this host has the address"),
            (null, { Mac: null }) => (BackendState.Unreachable, "its next hop does not answer"),
            _ when backend.Weight == 0 => (BackendState.Draining, "its weight is 0"),
            _ when service.Drained.Contains(backend.Address) => (BackendState.Draining, "drained"),
            _ when remote is { IsSilent: true } => (BackendState.Unhealthy, $"node {remote.Node.Name} is silent"),
            _ when service.Spec.HealthCheck is not null && HealthOf(service, backend.Address, remote) is { IsHealthy: false } health => (BackendState.Unhealthy, health.Detail),
            _ => (BackendState.Active, ""),
        };
        return new Member(backend, state, detail, local?.Id ?? 0, remote?.Node.Name, hop, isByMac ? null : through, false);
    }

    /// <summary>The node that has a backend checks it, and is believed.</summary>
    private BackendHealth HealthOf(Service service, BackendAddress backend, Remote? remote) => remote is null
        ? service.Health.GetValueOrDefault(backend, BackendHealth.Untried)
        : SharedHealth.Find(_world.Cluster, remote.Node.Name, service.Name, backend);

    private NextHop? Find(IPAddress address)
    {
        if (!_known.TryGetValue(address, out NextHop? hop))
        {
            hop = FindPatiently(address);
            _known[address] = hop;
        }

        return hop;
    }

    /// <summary>A neighbour that is there answers at once.</summary>
    private NextHop? FindPatiently(IPAddress address)
    {
        try
        {
            NextHop? hop = findHop(address);
            while (hop is { Mac: null } && _patienceLeft > TimeSpan.Zero)
            {
                Thread.Sleep(_pause);
                _patienceLeft -= _pause;
                hop = findHop(address);
            }

            return hop;
        }
        catch (LinuxException)
        {
            return null;
        }
    }
}
