// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Microsoft.Extensions.Logging;
using Weir.Control.Addresses;
using Weir.Control.Host;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Networks;

/// <summary>Networks, and what the host needs to carry them: gateways' addresses, routes, its own
/// filter. Called on the writer's thread.</summary>
internal sealed class NetworkManager
{
    /// <summary>Of the routes of networks' ranges ("weir"): nobody else's has it, and everybody else's comes first.</summary>
    internal const uint RouteMetric = 0x77656972;

    /// <summary>No list of the runtime's is older when it is looked at.</summary>
    private static readonly TimeSpan _oldestList = TimeSpan.FromMinutes(10);

    private const string Folder = "networks";
    private const int Loopback = 1;

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly RtnetlinkSocket _links;
    private readonly AddressPools _addresses;
    private readonly HostSettings _settings;
    private readonly HostFilter _filter;
    private readonly ControlOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Dictionary<string, DateTimeOffset> _deleted = []; // lately; the runtime never gives a name again
    private IReadOnlyList<IpPrefix> _claimed = [];

    internal NetworkManager(Writer writer, IStore store, RtnetlinkSocket links, AddressPools addresses, HostSettings settings, HostFilter filter, ControlOptions options, TimeProvider time, ILogger log)
    {
        _writer = writer;
        _store = store;
        _links = links;
        _addresses = addresses;
        _settings = settings;
        _filter = filter;
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

    /// <summary>Addresses that endpoints have beside their own and that may go out: masqueraded as the others are.</summary>
    internal IReadOnlyList<IpPrefix> Claimed
    {
        get => _claimed;
        set
        {
            if (!_claimed.SequenceEqual(value))
            {
                _claimed = value;
                ApplyFilter();
            }
        }
    }

    /// <summary>Networks over addresses that the host reaches by a route of somebody else's: it came later.</summary>
    internal IReadOnlyList<string> FindConflicts()
    {
        if (_writer.World.Networks.IsEmpty)
        {
            return [];
        }

        IReadOnlyList<HostRange> ranges = HostRanges.List(_links, _writer.World.Networks.Values.SelectMany(network => network.Subnets).Select(subnet => subnet.Gateway).ToHashSet());
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
    internal void Create(string id, bool isInternal, bool isRouted, int? mtu, IReadOnlyList<Subnet> subnets, IReadOnlyList<(IpPrefix Pool, IPAddress Address)> held)
    {
        if (Find(id) is not null)
        {
            return;
        }

        if (subnets.Count == 0 || subnets.GroupBy(subnet => subnet.Pool.IsIpv6).Any(family => family.Count() > 1))
        {
            throw new ControlException("a weir network has one IPv4 subnet, one IPv6 subnet, or one of each");
        }

        if (subnets.FirstOrDefault(subnet => !_addresses.Has(subnet.Pool)) is { } foreign)
        {
            throw new ControlException($"subnet {foreign.Pool} is not from Weir's addresses: create the network with --ipam-driver weir beside --driver weir (Compose: ipam: {{driver: weir}})");
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

        ushort number = Enumerable.Range(1, ushort.MaxValue).Select(n => (ushort)n).First(n => _writer.World.Networks.Values.All(other => other.Number != n));
        var network = new Network(id, number, "", isInternal, mtu ?? _options.Mtu, subnets, isRouted, _time.GetUtcNow());
        Prepare(network);
        Keep(network);
        ApplyFilter();
        Log.NetworkMade(_log, network.Label, number, string.Join(", ", subnets.Select(subnet => subnet.Pool)));
    }

    /// <summary>Takes up a network that the runtime has and whose record is lost. One that was deleted since the runtime told
    /// stays so.</summary>
    internal void Adopt(string id, NetworkShape shape)
    {
        if (!_deleted.ContainsKey(id))
        {
            shape.Subnets.ToList().ForEach(subnet => _addresses.Recall(subnet.Pool));
            Create(id, shape.IsInternal, shape.IsRouted, shape.Mtu, shape.Subnets, []);
        }
    }

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

        foreach (Subnet subnet in network.Subnets)
        {
            _links.DeleteAddress(subnet.Gateway, subnet.Pool.AddressBits, Loopback);
            _links.DeleteUnreachable(subnet.Pool, RouteMetric);
        }

        _store.Delete($"{Folder}/{id}");
        _writer.Publish(world => world with { Networks = world.Networks.Remove(id) });
        ApplyFilter();
        Log.NetworkRemoved(_log, network.Label, network.Number);
    }

    internal void SetName(string id, string name)
    {
        if (Find(id) is { } network && network.Name != name)
        {
            Keep(network with { Name = name });
        }
    }

    /// <summary>Makes the host as networks need it: after a reboot nothing of it is there.</summary>
    internal void PrepareHost()
    {
        foreach (Network network in _writer.World.Networks.Values)
        {
            try
            {
                Prepare(network);
            }
            catch (Exception e) when (e is LinuxException or IOException)
            {
                // The watchdog goes on trying, and says so.
                Log.Failed(_log, $"preparing the host for network {network.Label}", e.Message);
            }
        }

        ApplyFilter();
    }

    /// <summary>What the networks need of the host, one by one.</summary>
    internal IEnumerable<Expectation> Expect() => _writer.World.Networks.Values.SelectMany(network => network.Subnets.SelectMany(subnet => Expect(network, subnet)));

    private void ApplyFilter()
    {
        _filter.Apply(_options.Masquerade
            ? [.. _writer.World.Networks.Values.Where(network => !network.Internal).SelectMany(network => network.Subnets).Select(subnet => subnet.Pool).Concat(_claimed).Distinct()]
            : []);
        if (_filter.Problem is { } problem)
        {
            Log.Failed(_log, "masquerading containers' traffic", problem);
        }
    }

    /// <summary>Forwarding for IPv6 only with an IPv6 network: it makes interfaces deaf to routers' announcements.</summary>
    private void Prepare(Network network)
    {
        _settings.Require("net/ipv4/ip_forward", "1");
        if (network.Gateway(ipv6: true) is not null && Sysctl.Exists("net/ipv6/conf/all/forwarding"))
        {
            _settings.Require("net/ipv6/conf/all/forwarding", "1");
        }

        foreach (Expectation one in network.Subnets.SelectMany(subnet => Expect(network, subnet)).Where(one => !one.IsIpv6 || Ipv6.IsOn))
        {
            one.MakeSo();
        }
    }

    private IEnumerable<Expectation> Expect(Network network, Subnet subnet)
    {
        // What no container has is answered at once, instead of going out by the default route.
        yield return new Expectation(
            "route",
            $"route for what no container has of {subnet.Pool}",
            picture => picture.HasRoute(subnet.Pool, RouteKind.Unreachable),
            () => _links.AddUnreachable(subnet.Pool, RouteMetric))
        {
            IsIpv6 = subnet.Pool.IsIpv6,
        };
        if (!network.Internal)
        {
            yield return new Expectation(
                "address",
                $"address {subnet.Gateway} of the loopback interface",
                picture => picture.HasAddress(Loopback, subnet.Gateway),
                () => _links.AddAddress(subnet.Gateway, subnet.Pool.AddressBits, Loopback))
            {
                IsIpv6 = subnet.Pool.IsIpv6,
            };
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
