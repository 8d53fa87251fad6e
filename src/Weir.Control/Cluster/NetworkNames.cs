// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Services = Weir.Control.Services;

namespace Weir.Control.Cluster;

/// <summary>What endpoints of shared networks are answered when they ask for a name: containers' names and aliases of all nodes, and
/// services of this one. Remembers what it found, for most changes of the world change none of it. Used by one thread.</summary>
internal sealed class NetworkNames
{
    private object? _remoteOf;
    private object? _allOf;
    private NetworkName[] _own = [];
    private ImmutableDictionary<NetworkName, IReadOnlyList<NamedAddress>> _remote = ImmutableDictionary<NetworkName, IReadOnlyList<NamedAddress>>.Empty;
    private ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>> _all = ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>>.Empty;

    /// <summary>By name, as many addresses as an answer has room for.</summary>
    internal ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>> Of(World world)
    {
        var of = (world.Cluster?.Endpoints, world.Cluster?.Nodes, world.Cluster?.Alive, world.Cluster?.Blocks, world.Networks, world.OnLink, world.Endpoints, world.Services);
        if (!of.Equals(_allOf))
        {
            var remoteOf = (of.Item1, of.Item2, of.Item3, of.Item4, of.Networks, of.OnLink);
            if (!remoteOf.Equals(_remoteOf))
            {
                (_remoteOf, _remote) = (remoteOf, RemoteOf(world));
                _all = _remote.ToImmutableDictionary(name => name.Key, name => Answer(world, name.Value));
            }
            else
            {
                // Those of this node, as they were, are as those of the others alone.
                _all = _all.RemoveRange(_own).SetItems(_own.Where(_remote.ContainsKey).Select(name => KeyValuePair.Create(name, Answer(world, _remote[name]))));
            }

            Dictionary<NetworkName, IReadOnlyList<NamedAddress>> own = OwnOf(world);
            _own = [.. own.Keys];
            _all = _all.SetItems(own.Select(name => KeyValuePair.Create(name.Key, Answer(world, [.. name.Value, .. IsService(name.Value) ? [] : _remote.GetValueOrDefault(name.Key, [])]))));
            _allOf = of;
        }

        return _all;
    }

    /// <summary>The same for people, with whose they are, and without those that have the network's name behind.</summary>
    /// <param name="network">A shared network that this host has.</param>
    internal static IReadOnlyList<NameView> Views(World world, string network)
    {
        (_, uint number, DnsName[] domains) = NumbersOf(world).First(known => known.Shared == network);
        Dictionary<NetworkName, List<NamedAddress>> found = [];
        Collect(found, OwnOf(world));
        Collect(found, RemoteOf(world));
        return
        [
            .. found.Where(name => name.Key.NetworkId == number && !domains.Any(domain => $"{name.Key.Name}".EndsWith($".{domain}", StringComparison.Ordinal)))
                .Select(name => new NameView($"{name.Key.Name}", [.. (IsService(name.Value) ? name.Value.Where(one => one.IsService) : name.Value).Select(one => (one.Address, one.Node, one.Of))], IsService(name.Value)))
                .OrderBy(name => name.Name, StringComparer.Ordinal),
        ];
    }

    private static void Collect(Dictionary<NetworkName, List<NamedAddress>> found, IEnumerable<KeyValuePair<NetworkName, IReadOnlyList<NamedAddress>>> more)
    {
        foreach ((NetworkName name, IReadOnlyList<NamedAddress> addresses) in more)
        {
            (found.TryGetValue(name, out List<NamedAddress>? known) ? known : found[name] = []).AddRange(addresses);
        }
    }

    private static bool IsService(IReadOnlyList<NamedAddress> addresses) => addresses.Any(one => one.IsService);

    /// <summary>Shared networks that this host has, with the domains under which their names are known beside by themselves.</summary>
    private static IEnumerable<(string Shared, uint Number, DnsName[] Domains)> NumbersOf(World world) => world.Networks.Values
        .Where(network => network.Shared is not null).DistinctBy(network => network.Shared)
        .Select(network => (network.Shared!, (uint)network.Number, (DnsName[])[.. new[] { network.Shared, network.Name }.Distinct().Select(text => DnsName.TryParse(text, out DnsName domain) ? domain : default).Where(domain => domain != default)]));

    private static Dictionary<NetworkName, IReadOnlyList<NamedAddress>> OwnOf(World world)
    {
        var names = new Names();
        foreach ((string shared, uint number, DnsName[] domains) in NumbersOf(world))
        {
            HashSet<string> networks = [.. world.Networks.Values.Where(network => network.Shared == shared).Select(network => network.Id)];
            foreach (Endpoint endpoint in world.Attached.Where(endpoint => networks.Contains(endpoint.NetworkId)))
            {
                names.Add(number, domains, [endpoint.Name, .. endpoint.Aliases], endpoint.Addresses.Select(address => new NamedAddress(address, world.Cluster?.Self ?? "", endpoint.Name, IsService: false, IsHeard: true)));
            }

            // Who made a service of a name means it, whatever containers are called.
            foreach (Services.Service service in world.Services.Values.Where(service => !service.IsPublished))
            {
                names.Replace(number, domains, service.Name, service.Spec.Frontends.Select(frontend => frontend.Address).Distinct().Select(address => new NamedAddress(address, "", service.Name, IsService: true, IsHeard: true)));
            }
        }

        return names.All.ToDictionary(name => name.Key, name => (IReadOnlyList<NamedAddress>)name.Value);
    }

    /// <summary>An address outside of its node's blocks is nobody's.</summary>
    private static ImmutableDictionary<NetworkName, IReadOnlyList<NamedAddress>> RemoteOf(World world)
    {
        var names = new Names();
        if (world.Cluster is { } cluster)
        {
            Dictionary<string, (uint Number, DnsName[] Domains)> networks = NumbersOf(world).ToDictionary(network => network.Shared, network => (network.Number, network.Domains));
            ILookup<(string, string), IpPrefix> blocks = cluster.Blocks.Values.ToLookup(block => (block.Network, block.Node), block => block.Block);
            foreach (NodeRecord node in cluster.Others)
            {
                foreach (EndpointRecord endpoint in cluster.Endpoints.GetValueOrDefault(node.Name)?.Values ?? [])
                {
                    if (networks.TryGetValue(endpoint.Network, out var network))
                    {
                        names.Add(network.Number, network.Domains, [endpoint.Name, .. (endpoint.Aliases ?? []).Take(Endpoint.MostAliases)], endpoint.Addresses
                            .Where(address => HasWay(world, node, address) && blocks[(endpoint.Network, node.Name)].Any(block => block.Contains(address)))
                            .Select(address => new NamedAddress(address, node.Name, endpoint.Name, IsService: false, cluster.Alive.Contains(node.Name))));
                    }
                }
            }
        }

        return names.All.ToImmutableDictionary(name => name.Key, name => (IReadOnlyList<NamedAddress>)name.Value);
    }

    /// <summary>Past the overlay, one segment leads to a node's endpoints of the families of which it has an address there; who is told of another
    /// address tries that one first, and many try no second.</summary>
    private static bool HasWay(World world, NodeRecord node, IPAddress address) =>
        RemoteParts.IsOverlay(world, node) || !world.OnLink.Contains(node.Address) || node.Addresses.Any(own => own.AddressFamily == address.AddressFamily);

    /// <summary>Silent nodes' only where nobody else has the name. Where there are more than an answer has room for, this node's own,
    /// and of the others some that are not the same for every node.</summary>
    private static IReadOnlyList<IPAddress> Answer(World world, IReadOnlyList<NamedAddress> addresses)
    {
        string self = world.Cluster?.Self ?? "";
        bool isAnyHeard = addresses.Any(one => one.IsHeard);
        return
        [
            .. addresses.Where(one => one.IsHeard || !isAnyHeard).DistinctBy(one => one.Address).GroupBy(one => one.Address.AddressFamily == AddressFamily.InterNetworkV6).OrderBy(family => family.Key)
                .SelectMany(family => family.Count() <= NameRow.Longest ? family
                    : family.OrderByDescending(one => one.Node == self).ThenBy(one => Lot(self, one.Address)).Take(NameRow.Longest))
                .Select(one => one.Address),
        ];
    }

    /// <summary>The same for the same two, in every process (FNV-1a).</summary>
    private static uint Lot(string self, IPAddress address) =>
        self.Select(letter => (byte)letter).Concat(address.GetAddressBytes()).Aggregate(2166136261u, (hash, next) => unchecked((hash ^ next) * 16777619u));

    private sealed record NamedAddress(IPAddress Address, string Node, string Of, bool IsService, bool IsHeard);

    private sealed class Names
    {
        internal Dictionary<NetworkName, List<NamedAddress>> All { get; } = [];

        internal void Add(uint number, DnsName[] domains, IEnumerable<string> names, IEnumerable<NamedAddress> addresses)
        {
            NamedAddress[] behind = [.. addresses];
            foreach (NetworkName name in names.Distinct().SelectMany(name => Forms(number, domains, name)).Distinct())
            {
                if (behind.Length > 0)
                {
                    (All.TryGetValue(name, out List<NamedAddress>? known) ? known : All[name] = []).AddRange(behind);
                }
            }
        }

        internal void Replace(uint number, DnsName[] domains, string name, IEnumerable<NamedAddress> addresses)
        {
            NamedAddress[] behind = [.. addresses];
            foreach (NetworkName form in behind.Length > 0 ? Forms(number, domains, name) : [])
            {
                All[form] = [.. behind];
            }
        }

        /// <summary>"api" and "api.app".</summary>
        private static IEnumerable<NetworkName> Forms(uint number, DnsName[] domains, string text) => !DnsName.TryParse(text, out DnsName name) ? []
            : domains.Select(domain => name.In(domain)).OfType<DnsName>().Prepend(name).Select(form => new NetworkName(number, form));
    }
}
