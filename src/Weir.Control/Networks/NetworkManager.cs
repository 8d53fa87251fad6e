// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Microsoft.Extensions.Logging;
using Weir.Control.Addresses;
using Weir.Control.Cluster;
using Weir.Control.Host;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Networks;

/// <summary>Networks as the runtime made them. What the host needs to carry them follows. Called on the writer's
/// thread.</summary>
internal sealed class NetworkManager
{
    /// <summary>No list of the runtime's is older when it is looked at.</summary>
    private static readonly TimeSpan _oldestList = TimeSpan.FromMinutes(10);

    private const string Folder = "networks";

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly Func<IReadOnlySet<IPAddress>, IReadOnlyList<HostRange>> _hostRanges;
    private readonly AddressPools _addresses;
    private readonly Reconciler _reconciler;
    private readonly ControlOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Dictionary<string, DateTimeOffset> _deleted = []; // lately; the runtime never gives a name again

    /// <param name="hostRanges">What the host reaches by ways of its own, but for these gateways.</param>
    internal NetworkManager(Writer writer, IStore store, Func<IReadOnlySet<IPAddress>, IReadOnlyList<HostRange>> hostRanges, AddressPools addresses, Reconciler reconciler, ControlOptions options, TimeProvider time, ILogger log)
    {
        _writer = writer;
        _store = store;
        _hostRanges = hostRanges;
        _addresses = addresses;
        _reconciler = reconciler;
        _options = options;
        _time = time;
        _log = log;
        foreach (Network network in store.List(Folder, StateContext.Default.Network))
        {
            Publish(network);
        }
    }

    /// <summary>As they are now: the collection does not change while it is looked at.</summary>
    internal IReadOnlyCollection<Network> All => [.. _writer.World.Networks.Values];

    /// <summary>Networks over addresses that the host reaches by a route of somebody else's: it came later.</summary>
    internal IReadOnlyList<string> FindConflicts()
    {
        if (_writer.World.Networks.IsEmpty)
        {
            return [];
        }

        IReadOnlyList<HostRange> ranges = _hostRanges(_writer.World.Networks.Values.SelectMany(network => network.Subnets).Select(subnet => subnet.Gateway).ToHashSet());
        return
        [
            .. _writer.World.Networks.Values.SelectMany(network => network.Subnets.SelectMany(subnet => ranges.Where(range => range.Prefix.Overlaps(subnet.Pool)).Take(1)
                .Select(range => $"network {network.Label} ({subnet.Pool}) and {range.What} overlap: one hides the other; make the network anew with another --subnet"))),
        ];
    }

    internal Network? FindByPool(IpPrefix pool) =>
        _writer.World.Networks.Values.FirstOrDefault(network => network.Subnets.Any(subnet => subnet.Pool.Masked == pool));

    internal Network? Find(string id) => _writer.World.Networks.GetValueOrDefault(id);

    /// <summary>Makes a network; again for the same one: nothing happens.</summary>
    /// <param name="held">Addresses set aside by the runtime.</param>
    internal void Create(string id, bool isInternal, bool isRouted, int? mtu, IReadOnlyList<Subnet> subnets, IReadOnlyList<(IpPrefix Pool, IPAddress Address)> held, string? shared = null)
    {
        if (Find(id) is not null)
        {
            return;
        }

        if (shared is not null)
        {
            RequireOnce(shared);
            NetworkRecord record = FindShared(shared);
            if (record.IsInternal != isInternal)
            {
                throw new ControlException($"network {shared} is {(record.IsInternal ? "internal on all nodes: make it with --internal" : "not internal on all nodes: leave --internal out")}");
            }

            mtu ??= record.Mtu;
            subnets = [.. subnets.Select(subnet => Joined(subnet, record))];
        }

        Network network = Record(id, isInternal, isRouted, mtu, subnets, held, shared: shared);
        try
        {
            _reconciler.Converge([StepObject.Host, .. WaysTo(network)]);
        }
        catch
        {
            Forget(network);
            throw;
        }

        Log.NetworkMade(_log, network.Label, network.Number, string.Join(", ", subnets.Select(subnet => subnet.Pool)));
    }

    /// <summary>The network of all nodes that is named.</summary>
    /// <exception cref="ControlException">There is none.</exception>
    internal NetworkRecord FindShared(string name) => _writer.World.Cluster?.Networks.GetValueOrDefault(name)
        ?? throw new ControlException($"no node has a network \"{name}\": 'weir network create' makes it on all of them, 'weir network list' shows what there is");

    /// <summary>A host has a network of all nodes once: between two of its networks nothing passes, and which of them a name of
    /// another host leads to nobody could say.</summary>
    internal void RequireOnce(string shared)
    {
        if (_writer.World.Networks.Values.FirstOrDefault(network => network.Shared == shared) is { } first)
        {
            throw new ControlException($"this host has network {shared} already, Docker calls it {first.Label}: use that, or remove it first ('docker network rm {first.Label}')");
        }
    }

    /// <summary>A range of the network of all nodes, in the place of one that Docker got when it had not yet said which network it
    /// is for (it tells the driver --opt, and IPAM only --ipam-opt).</summary>
    private Subnet Joined(Subnet subnet, NetworkRecord record)
    {
        if (!_addresses.Has(subnet.Pool) || _addresses.SharedNameOf(subnet.Pool) is not null)
        {
            return subnet;
        }

        IpPrefix range = record.Ranges.FirstOrDefault(range => range.IsIpv6 == subnet.Pool.IsIpv6)
            ?? throw new ControlException($"network {record.Name} has no {(subnet.Pool.IsIpv6 ? "IPv6 range: leave --ipv6 out" : "IPv4 range: give --ipam-opt weir.network={record.Name} --subnet")}");
        return new Subnet(range, _addresses.Join(subnet.Pool, range, record.Name));
    }

    /// <summary>Takes up a network that the runtime has and whose record is lost; it is brought into force when its endpoints
    /// are taken up. One that was deleted since the runtime told stays so.</summary>
    /// <param name="number">By which its endpoints' programs know it; null: none does.</param>
    internal void Adopt(string id, NetworkShape shape, ushort? number)
    {
        if (!_deleted.ContainsKey(id) && Find(id) is null)
        {
            if (shape.Shared is { } shared && shape.Subnets.Any(subnet => !FindShared(shared).Ranges.Contains(subnet.Pool.Masked)))
            {
                throw new ControlException($"its record is lost, and Docker does not know its ranges: make it anew ('docker network rm', 'docker network create')");
            }

            shape.Subnets.ToList().ForEach(subnet => _addresses.Recall(subnet.Pool, shape.Shared));
            Network network = Record(id, shape.IsInternal, shape.IsRouted, shape.Mtu, shape.Subnets, [], number, shape.Shared);
            Log.NetworkMade(_log, network.Label, network.Number, string.Join(", ", shape.Subnets.Select(subnet => subnet.Pool)));
        }
    }

    private Network Record(string id, bool isInternal, bool isRouted, int? mtu, IReadOnlyList<Subnet> subnets, IReadOnlyList<(IpPrefix Pool, IPAddress Address)> held, ushort? known = null, string? shared = null)
    {
        if (subnets.Count == 0 || subnets.GroupBy(subnet => subnet.Pool.IsIpv6).Any(family => family.Count() > 1))
        {
            throw new ControlException("a weir network has one IPv4 subnet, one IPv6 subnet, or one of each");
        }

        if (subnets.FirstOrDefault(subnet => !_addresses.Has(subnet.Pool)) is { } foreign)
        {
            throw new ControlException($"subnet {foreign.Pool} is not from Weir's addresses: create the network with --ipam-driver weir beside --driver weir (Compose: ipam: {{driver: weir}})");
        }

        if (subnets.FirstOrDefault(subnet => _addresses.SharedNameOf(subnet.Pool) != shared) is { } other)
        {
            throw new ControlException(
                $"subnet {other.Pool} is {(_addresses.SharedNameOf(other.Pool) is { } name ? $"of the shared network {name}" : "this host's alone")}: a network of all nodes is made by 'weir network create', which makes it known to Docker on each");
        }

        if (subnets.Any(subnet => subnet.Pool.IsIpv6) && Ipv6.WhyOff is { } why)
        {
            throw new ControlException($"the network has an IPv6 subnet, but {why}: create it without --ipv6, or switch IPv6 on first");
        }

        foreach ((IpPrefix pool, IPAddress address) in held)
        {
            _addresses.HoldAddress(pool, address);
        }

        foreach (Subnet subnet in subnets)
        {
            _addresses.HoldAddress(subnet.Pool, subnet.Gateway);
        }

        HashSet<ushort> taken = [.. _writer.World.Networks.Values.Select(other => other.Number)];
        ushort number = known is { } kept && !taken.Contains(kept) ? kept : Enumerable.Range(1, ushort.MaxValue).Select(n => (ushort)n).First(n => !taken.Contains(n));
        var network = new Network(id, number, "", isInternal, mtu ?? (shared is null ? _options.Mtu : SharedMtu), subnets, isRouted, _time.GetUtcNow(), shared);
        Keep(network);
        return network;
    }

    /// <summary>As much as the overlay carries, unless all ways are direct: a node that is not may come later.</summary>
    private int SharedMtu => _options.Cluster?.Way == NodeWay.Direct || !RemoteParts.NeedsOverlay(_writer.World) ? _options.Mtu : _writer.World.OverlayMtu;

    /// <summary>Nothing happens if it is gone.</summary>
    internal void Delete(string id)
    {
        DateTimeOffset now = _time.GetUtcNow();
        foreach (string old in _deleted.Where(deleted => now - deleted.Value > _oldestList).Select(deleted => deleted.Key).ToList())
        {
            _deleted.Remove(old);
        }

        _deleted[id] = now;
        if (Find(id) is not { } network)
        {
            return;
        }

        Forget(network);
        Log.NetworkRemoved(_log, network.Label, network.Number);
    }

    internal void SetName(string id, string name)
    {
        if (Find(id) is { } network && network.Name != name)
        {
            Keep(network with { Name = name });
        }
    }

    private static StepObject[] WaysTo(Network network) => [.. network.Subnets.Select(subnet => StepObject.OfRange(subnet.Pool.Masked))];

    /// <summary>As long as there is a record, the next agent takes away what is left of it in the host.</summary>
    private void Forget(Network network)
    {
        _writer.Publish(world => world with { Networks = world.Networks.Remove(network.Id) });
        try
        {
            _reconciler.Converge(WaysTo(network));
            _store.Delete($"{Folder}/{network.Id}");
        }
        catch
        {
            Publish(network);
            _reconciler.Converge();
            throw;
        }
    }

    /// <summary>What cannot be kept is not so.</summary>
    private void Keep(Network network)
    {
        _store.Put($"{Folder}/{network.Id}", network, StateContext.Default.Network);
        Publish(network);
    }

    private void Publish(Network network) => _writer.Publish(world => world with { Networks = world.Networks.SetItem(network.Id, network) });
}
