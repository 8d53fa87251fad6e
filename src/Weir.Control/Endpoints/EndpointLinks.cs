// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Endpoints;

/// <summary>The host's side of endpoints: veth pairs, their settings, routes and neighbours.</summary>
internal sealed class EndpointLinks(RtnetlinkSocket links) : IEndpointLinks
{
    /// <summary>What every container believes its gateway's MAC to be. One for all: each is alone on its link.</summary>
    internal static byte[] GatewayMac { get; } = [0x02, 0x77, 0x65, 0x69, 0x72, 0x01];

    /// <inheritdoc/>
    public int Create(Endpoint endpoint, int mtu)
    {
        links.DeleteLink(endpoint.LinkName);
        int ifindex = links.CreateVeth(endpoint.LinkName, LinkNames.Container(endpoint.ExternalId), GatewayMac, endpoint.Mac, mtu);
        foreach (LinkSetting setting in Settings(endpoint).Where(setting => Sysctl.Exists(setting.Path(endpoint))))
        {
            Sysctl.Write(setting.Path(endpoint), setting.Text);
        }

        return ifindex;
    }

    /// <inheritdoc/>
    public void AddRoutes(Endpoint endpoint, Network? network)
    {
        foreach (Expectation one in endpoint.Addresses.SelectMany(address => ExpectRoute(endpoint, address, network)).Where(one => !one.IsIpv6 || Ipv6.IsOn))
        {
            one.MakeSo();
        }
    }

    /// <inheritdoc/>
    public IEnumerable<Expectation> Expect(Endpoint endpoint, Network? network)
    {
        yield return new Expectation(
            "link",
            $"link {endpoint.LinkName}",
            picture => picture.Link(endpoint.LinkName) is not { IsUp: false },
            () => throw new ControlException($"somebody set it down; 'ip link set {endpoint.LinkName} up' connects the container again"));
        yield return new Expectation(
            "link",
            $"MAC of {endpoint.LinkName}",
            picture => !IsUp(picture, endpoint) || picture.Link(endpoint.LinkName)!.Mac.Span.SequenceEqual(GatewayMac),
            () => links.SetMac(endpoint.Ifindex, GatewayMac));
        foreach (LinkSetting setting in Settings(endpoint))
        {
            yield return new Expectation(
                "sysctl",
                $"sysctl {setting.Path(endpoint).Replace('/', '.')}={setting.Text}",
                picture => !IsUp(picture, endpoint) || (picture.Link(endpoint.LinkName)!.Setting(setting.IsIpv6, setting.Name) ?? setting.Value) == setting.Value,
                () => Sysctl.Write(setting.Path(endpoint), setting.Text))
            {
                IsIpv6 = setting.IsIpv6,
            };
        }

        foreach (Expectation one in endpoint.Addresses.SelectMany(address => ExpectRoute(endpoint, address, network)))
        {
            yield return one with { IsSo = picture => !IsUp(picture, endpoint) || one.IsSo(picture) };
        }
    }

    /// <summary>Whether there is anything to send to: the runtime takes a link away before it says so, and an
    /// administrator may set one down.</summary>
    internal static bool IsUp(HostPicture picture, Endpoint endpoint) =>
        picture.Link(endpoint.LinkName) is { IsUp: true } link && link.Index == endpoint.Ifindex;

    /// <inheritdoc/>
    public Dictionary<string, int> List() => links.ListLinks()
        .Where(link => link.Kind == "veth" && LinkNames.IsHost(link.Name))
        .ToDictionary(link => link.Name, link => link.Index);

    /// <inheritdoc/>
    public void Delete(string name) => links.DeleteLink(name);

    private static IEnumerable<LinkSetting> Settings(Endpoint endpoint) =>
    [
        new(false, "rp_filter", 0),
        // An answer that the stack is to cut has the address by which the client asked: one of the host's own.
        // Nothing else has, since the program at the link has looked at the container's source before.
        new(false, "accept_local", 1),
        new(false, "forwarding", 1),

        // The gateway's link-local address is the program's; the host has none there and hears no routers.
        new(true, "addr_gen_mode", 1),
        new(true, "accept_ra", 0),
        new(true, "forwarding", 1),

        // Otherwise the host tells an IPv4 container of its multicast groups, and monitors of the drops.
        new(true, "disable_ipv6", endpoint.Ipv6 is null ? 1 : 0),
    ];

    /// <summary>The host speaks with its address on the same network: a container with several answers another by
    /// another link, where its address is not its own.</summary>
    private IEnumerable<Expectation> ExpectRoute(Endpoint endpoint, IPAddress address, Network? network)
    {
        IpPrefix prefix = IpPrefix.Single(address);
        IPAddress? own = network is { Internal: false } ? network.Gateway(prefix.IsIpv6) : null;
        yield return new Expectation(
            "route",
            $"route {prefix} to {endpoint.LinkName}",
            picture => picture.HasRoute(prefix, RouteKind.Unicast, endpoint.Ifindex),
            () => links.AddRoute(prefix, endpoint.Ifindex, own))
        {
            IsIpv6 = prefix.IsIpv6,
        };
        yield return new Expectation(
            "neighbour",
            $"neighbour {address} at {endpoint.LinkName}",
            picture => picture.HasNeighbour(endpoint.Ifindex, address, endpoint.Mac),
            () => links.AddNeighbour(address, endpoint.Mac, endpoint.Ifindex))
        {
            IsIpv6 = prefix.IsIpv6,
        };
    }

    /// <summary>A sysctl of the link's own.</summary>
    private sealed record LinkSetting(bool IsIpv6, string Name, int Value)
    {
        internal string Text => Value.ToString(CultureInfo.InvariantCulture);

        internal string Path(Endpoint endpoint) => $"net/{(IsIpv6 ? "ipv6" : "ipv4")}/conf/{endpoint.LinkName}/{Name}";
    }
}
