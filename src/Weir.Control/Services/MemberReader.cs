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
internal sealed class MemberReader : IDisposable
{
    /// <summary>What one look may wait for neighbours in all: changes wait meanwhile.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(5);

    private readonly NextHopFinder _hops = new();
    private readonly Dictionary<IPAddress, NextHop?> _known = [];
    private readonly Dictionary<IPAddress, Endpoint> _local = [];
    private readonly Dictionary<IPAddress, (LabelSet Labels, string? Silent)> _remote = []; // of other hosts' containers; the node, if it is silent
    private TimeSpan _patienceLeft;

    public void Dispose() => _hops.Dispose();

    /// <summary>Looks at containers, of other hosts too, and at routes afresh.</summary>
    /// <param name="patient">Waits a little for neighbours that are not known yet: somebody wants to see them serve.</param>
    internal void Refresh(World world, bool patient = false)
    {
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

        Dictionary<ushort, string> silent = (world.Cluster?.Others ?? []).Where(node => !world.Cluster!.Alive.Contains(node.Name) && world.NodeNumbers.ContainsKey(node.Address))
            .DistinctBy(node => node.Address).ToDictionary(node => world.NodeNumbers[node.Address], node => node.Name);
        foreach ((IpPrefix prefix, Behind behind) in RemoteParts.RowsOf(world).Where(row => row.Behind.Node != 0))
        {
            if (!_local.ContainsKey(prefix.Address) && world.Identities.TryGetValue(behind.Identity, out LabelSet? labels))
            {
                _remote[prefix.Address] = (labels, silent.GetValueOrDefault((ushort)behind.Node));
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
            .Concat(_remote.Where(remote => service.Spec.Selects(remote.Value.Labels)).Select(remote => remote.Key))
            .Select(address => new BackendSpec(new BackendAddress(address, service.Spec.TargetPort)))
            .OrderBy(backend => backend.Address);

    private Member Judge(Service service, BackendSpec backend)
    {
        Endpoint? local = FindLocal(backend.Address.Address);
        NextHop? hop = local is null ? Find(backend.Address.Address) : null;
        (BackendState state, string detail) = (local, hop) switch
        {
            (null, null) => (BackendState.Unreachable, "no route leads to it, and no container of this host has the address"),
            (null, { Mac: null }) => (BackendState.Unreachable, "its next hop does not answer"),
            _ when backend.Weight == 0 => (BackendState.Draining, "its weight is 0"),
            _ when service.Drained.Contains(backend.Address) => (BackendState.Draining, "drained"),
            _ when _remote.TryGetValue(backend.Address.Address, out (LabelSet, string? Silent) remote) && remote.Silent is not null =>
                (BackendState.Unhealthy, $"node {remote.Silent} is silent"),
            _ when service.Spec.HealthCheck is not null && service.Health.GetValueOrDefault(backend.Address, BackendHealth.Untried) is { IsHealthy: false } health =>
                (BackendState.Unhealthy, health.Detail),
            _ => (BackendState.Active, ""),
        };
        return new Member(backend, state, detail, local?.Id ?? 0, hop, false);
    }

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
            NextHop? hop = _hops.Find(address);
            while (hop is { Mac: null } && _patienceLeft > TimeSpan.Zero)
            {
                Thread.Sleep(_pause);
                _patienceLeft -= _pause;
                hop = _hops.Find(address);
            }

            return hop;
        }
        catch (LinuxException)
        {
            return null;
        }
    }
}
