// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Addresses;
using Weir.Control.Cluster;
using Weir.Control.Endpoints;
using Weir.Control.Networks;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control;

/// <summary>Gives ranges to networks and addresses to endpoints. Refusals are <see cref="ControlException"/>s.</summary>
public sealed class AddressDesk
{
    private readonly Writer _writer;
    private readonly AddressPools _addresses;
    private readonly NetworkManager _networks;
    private readonly EndpointManager _endpoints;

    internal AddressDesk(Writer writer, AddressPools addresses, NetworkManager networks, EndpointManager endpoints)
    {
        _writer = writer;
        _addresses = addresses;
        _networks = networks;
        _endpoints = endpoints;
    }

    /// <param name="subnet">Null: any that is free.</param>
    /// <param name="shared">The name of a network that all nodes have; null: it is this host's alone.</param>
    /// <exception cref="ControlException">It cannot be given.</exception>
    public (string PoolId, IpPrefix Prefix) RequestPool(string? subnet, bool ipv6, string? shared)
    {
        return _writer.Run(() =>
        {
            if (shared is not null)
            {
                _networks.RequireOnce(shared);
                NetworkRecord network = _networks.FindShared(shared);
                IpPrefix range = network.Ranges.FirstOrDefault(range => range.IsIpv6 == ipv6)
                    ?? throw new ControlException($"network {shared} has no {(ipv6 ? "IPv6" : "IPv4")} range");
                if (!string.IsNullOrEmpty(subnet) && (!IpPrefix.TryParse(subnet, out IpPrefix? asked) || asked.Masked != range))
                {
                    throw new ControlException($"network {shared} has the range {range}, not {subnet}: leave --subnet out, or give that");
                }

                // Docker looks whether the host has routes there, unless it was told the range, and asks for another then.
                if (string.IsNullOrEmpty(subnet) && _addresses.Has(range))
                {
                    throw new ControlException($"Docker takes {range} of network {shared} only if it is told so, for ways to other hosts lead there: give --subnet {range} beside --ipam-opt");
                }

                subnet = range.ToString();
            }

            AddressPool pool = _addresses.RequestPool(subnet, ipv6, shared);
            return (pool.Id, pool.Prefix);
        });
    }

    public void ReleasePool(string poolId) =>
        _writer.Run(() => _addresses.ReleasePool(poolId));

    /// <summary>An address as an interface is to have it: alone on its link, since all else is behind the gateway. The
    /// gateway's tells the range.</summary>
    /// <param name="wanted">Null: any that is free.</param>
    /// <param name="mayBeNew">A container may be asking that had no address before.</param>
    public IpPrefix RequestAddress(string poolId, IPAddress? wanted, bool isGateway, bool mayBeNew)
    {
        return _writer.Run(() =>
        {
            IpPrefix pool = _addresses.PrefixOf(poolId);
            bool isOurs = _networks.FindByPool(pool) is not null;
            if (!isOurs && !isGateway && wanted is null)
            {
                throw new ControlException($"subnet {pool} is no weir network's: make the network anew with --driver weir beside --ipam-driver weir, or without either");
            }

            IPAddress address = _addresses.RequestAddress(poolId, wanted, isGateway, mayBeNew);
            return isOurs && !isGateway ? IpPrefix.Single(address) : new IpPrefix(address, pool.Length);
        });
    }

    /// <summary>The network that gets its addresses from a pool; null: there is none yet.</summary>
    public Network? FindNetworkOf(string poolId) =>
        _writer.Run(() => _networks.FindByPool(_addresses.PrefixOf(poolId)));

    /// <summary>A container is gone for good: its addresses need not wait for it.</summary>
    public void Forget(string workloadId) =>
        _writer.Run(() => _addresses.Forget(workloadId));

    public void ReleaseAddress(string poolId, IPAddress address)
    {
        _writer.Run(() =>
        {
            // A late release must not free what another endpoint got meanwhile.
            if (!_endpoints.All.Any(endpoint => endpoint.Addresses.Contains(address)))
            {
                _addresses.ReleaseAddress(poolId, address);
            }
        });
    }
}
