// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Microsoft.Extensions.Logging;
using Weir.Control.Addresses;
using Weir.Control.Host;
using Weir.Control.State;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Networks;

/// <summary>Networks, and what the host needs to carry them: gateways' addresses, routes, its own
/// filter. Called under the control plane's lock.</summary>
internal sealed class NetworkManager
{
    private const string Folder = "networks";
    private const int Loopback = 1;

    private readonly IStore _store;
    private readonly RtnetlinkSocket _links;
    private readonly AddressPools _addresses;
    private readonly ControlOptions _options;
    private readonly ILogger _log;
    private readonly Dictionary<string, Network> _networks = [];

    internal NetworkManager(IStore store, RtnetlinkSocket links, AddressPools addresses, ControlOptions options, ILogger log)
    {
        _store = store;
        _links = links;
        _addresses = addresses;
        _options = options;
        _log = log;
        foreach (Network network in store.List(Folder, StateContext.Default.Network))
        {
            _networks[network.Id] = network;
        }
    }

    internal IReadOnlyCollection<Network> All => _networks.Values;

    /// <summary>What went wrong with the host's own filter last time; null: nothing.</summary>
    internal string? FilterProblem { get; private set; }

    internal Network? Find(string id) => _networks.GetValueOrDefault(id);

    /// <summary>Makes a network; again for the same one: nothing happens.</summary>
    /// <param name="held">Addresses set aside by the runtime.</param>
    internal void Create(string id, bool isInternal, int? mtu, IReadOnlyList<Subnet> subnets, IReadOnlyList<(IpPrefix Pool, IPAddress Address)> held)
    {
        if (_networks.ContainsKey(id))
        {
            return;
        }

        if (subnets.Count == 0 || subnets.GroupBy(subnet => subnet.Pool.IsIpv6).Any(family => family.Count() > 1))
        {
            throw new ControlException("a weir network has one IPv4 subnet, one IPv6 subnet, or one of each");
        }

        foreach ((IpPrefix pool, IPAddress address) in held)
        {
            _addresses.HoldAddress(pool, address);
        }

        foreach (Subnet subnet in subnets)
        {
            _addresses.HoldAddress(subnet.Pool, subnet.Gateway);
        }

        ushort number = Enumerable.Range(1, ushort.MaxValue).Select(n => (ushort)n).First(n => _networks.Values.All(other => other.Number != n));
        var network = new Network(id, number, "", isInternal, mtu ?? _options.Mtu, subnets);
        Prepare(network);
        Keep(network);
        ApplyFilter();
        Log.NetworkMade(_log, Short(id), number, string.Join(", ", subnets.Select(subnet => subnet.Pool)));
    }

    /// <summary>Nothing happens if it is gone.</summary>
    internal void Delete(string id)
    {
        if (!_networks.Remove(id, out Network? network))
        {
            return;
        }

        foreach (Subnet subnet in network.Subnets)
        {
            _links.DeleteAddress(subnet.Gateway, subnet.Pool.AddressBits, Loopback);
            _links.DeleteBlackhole(subnet.Pool);
        }

        _store.Delete($"{Folder}/{id}");
        ApplyFilter();
        Log.NetworkRemoved(_log, network.Name.Length > 0 ? network.Name : Short(id), network.Number);
    }

    internal void SetName(string id, string name)
    {
        if (_networks.TryGetValue(id, out Network? network) && network.Name != name)
        {
            Keep(network with { Name = name });
        }
    }

    /// <summary>Makes the host as networks need it: after a reboot nothing of it is there.</summary>
    internal void PrepareHost()
    {
        foreach (Network network in _networks.Values)
        {
            Prepare(network);
        }

        ApplyFilter();
    }

    /// <summary>Puts the host's own filter right; a failure is kept in <see cref="FilterProblem"/>.</summary>
    internal void ApplyFilter()
    {
        try
        {
            Iptables.Apply(_options.Masquerade
                ? [.. _networks.Values.Where(network => !network.Internal).SelectMany(network => network.Subnets).Select(subnet => subnet.Pool)]
                : []);
            FilterProblem = null;
        }
        catch (ControlException e)
        {
            FilterProblem = e.Message;
            Log.Failed(_log, "masquerading containers' traffic", e.Message);
        }
    }

    private static string Short(string id) => id.Length > 12 ? id[..12] : id;

    /// <summary>Forwarding for IPv6 only with an IPv6 network: it makes interfaces deaf to routers' announcements.</summary>
    private void Prepare(Network network)
    {
        HostSettings.Set(_store, "net/ipv4/ip_forward", "1");
        if (network.Gateway(ipv6: true) is not null && Sysctl.Exists("net/ipv6/conf/all/forwarding"))
        {
            HostSettings.Set(_store, "net/ipv6/conf/all/forwarding", "1");
        }

        foreach (Subnet subnet in network.Subnets)
        {
            // What no container has goes nowhere, instead of out by the default route.
            _links.AddBlackhole(subnet.Pool);
            if (!network.Internal)
            {
                _links.AddAddress(subnet.Gateway, subnet.Pool.AddressBits, Loopback);
            }
        }
    }

    private void Keep(Network network)
    {
        _networks[network.Id] = network;
        _store.Put($"{Folder}/{network.Id}", network, StateContext.Default.Network);
    }
}
