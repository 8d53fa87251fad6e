// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Endpoints;

/// <summary>The host's side of endpoints: veth pairs, their settings, routes and neighbours.</summary>
internal sealed class EndpointLinks(RtnetlinkSocket links)
{
    /// <summary>What every container believes its gateway's MAC to be. One for all: each is alone on its link.</summary>
    internal static byte[] GatewayMac { get; } = [0x02, 0x77, 0x65, 0x69, 0x72, 0x01];

    /// <summary>Makes the pair anew; the container's end waits down in the host's namespace.</summary>
    /// <returns>The host side's ifindex.</returns>
    internal int Create(Endpoint endpoint, int mtu)
    {
        links.DeleteLink(endpoint.LinkName);
        int ifindex = links.CreateVeth(endpoint.LinkName, LinkNames.Container(endpoint.ExternalId), GatewayMac, endpoint.Mac, mtu);
        Sysctl.Write($"net/ipv4/conf/{endpoint.LinkName}/rp_filter", "0");
        Sysctl.Write($"net/ipv4/conf/{endpoint.LinkName}/forwarding", "1");

        // What the host itself sends to the proxy comes in here, from its own address. The program has checked the source.
        Sysctl.Write($"net/ipv4/conf/{endpoint.LinkName}/accept_local", "1");
        string ipv6 = $"net/ipv6/conf/{endpoint.LinkName}/";
        if (Sysctl.Exists(ipv6 + "addr_gen_mode"))
        {
            // The gateway's link-local address is the program's; the host has none there and hears no routers.
            Sysctl.Write(ipv6 + "addr_gen_mode", "1");
            Sysctl.Write(ipv6 + "accept_ra", "0");
            Sysctl.Write(ipv6 + "forwarding", "1");

            // Otherwise the host tells an IPv4 container of its multicast groups, and monitors of the drops.
            Sysctl.Write(ipv6 + "disable_ipv6", endpoint.Ipv6 is null ? "1" : "0");
        }

        return ifindex;
    }

    /// <summary>Makes the host send the endpoint's packets down its link, without asking for its MAC.</summary>
    internal void AddRoutes(Endpoint endpoint, int ifindex)
    {
        foreach (var address in endpoint.Addresses)
        {
            links.AddRoute(IpPrefix.Single(address), ifindex);
            links.AddNeighbour(address, endpoint.Mac, ifindex);
        }
    }

    /// <summary>Deletes the pair and with it routes, neighbours and programs.</summary>
    internal void Delete(Endpoint endpoint) => links.DeleteLink(endpoint.LinkName);

    /// <summary>The host sides that are there: name → ifindex.</summary>
    internal Dictionary<string, int> List() => links.ListLinks()
        .Where(link => link.Kind == "veth" && LinkNames.IsHost(link.Name))
        .ToDictionary(link => link.Name, link => link.Index);

    internal void Delete(string name) => links.DeleteLink(name);
}
