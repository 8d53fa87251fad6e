// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Weir.Control;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Docker;

/// <summary>libnetwork's remote driver protocol (moby/libnetwork docs/remote.md).</summary>
public sealed class NetworkDriver(ControlPlane control, DockerWatcher docker)
{
    private const string GenericOptions = "com.docker.network.generic";
    private const string InternalOption = "com.docker.network.internal";
    internal const string MtuOption = "com.docker.network.driver.mtu";
    private const string PortMapOption = "com.docker.network.portmap";
    private const int SmallestMtu = 1280; // RFC 8200, section 5
    private const int LargestMtu = 65535;
    /// <summary>A container waits so long for an identity that the nodes have to agree upon; then it starts as "init".</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(3);

    private const int OnLink = 1;
    private const int ThroughGateway = 0;

    internal static JsonObject Capabilities => new() { ["Scope"] = "local", ["ConnectivityScope"] = "local" };

    internal JsonObject CreateNetwork(PluginRequest request)
    {
        string id = request.Id("NetworkID");
        PluginRequest options = request.Object("Options");
        List<Subnet> subnets = [];
        List<(IpPrefix, IPAddress)> held = [];
        foreach (PluginRequest data in request.Objects("IPv4Data").Concat(request.Objects("IPv6Data")))
        {
            IpPrefix pool = data.Prefix("Pool").Masked;
            IPAddress gateway = data.Address("Gateway") ?? throw new ControlException($"subnet {pool} has no gateway: create the network with --ipam-driver weir");
            subnets.Add(new Subnet(pool, gateway));
            PluginRequest aux = data.Object("AuxAddresses");
            held.AddRange(aux.Fields.Select(name => (pool, aux.Address(name)!)));
        }

        PluginRequest own = options.Object(GenericOptions);
        RefuseUnknown(own);
        control.CreateNetwork(id, options.Flag(InternalOption), IsRouted(own), MtuOf(own), subnets, held, SharedNameIn(own));
        return [];
    }

    internal JsonObject DeleteNetwork(PluginRequest request)
    {
        control.DeleteNetwork(request.Id("NetworkID"));
        return [];
    }

    internal JsonObject CreateEndpoint(PluginRequest request)
    {
        string network = request.Id("NetworkID");
        string endpoint = request.Id("EndpointID");
        PluginRequest wanted = request.Object("Interface");
        byte[]? mac = wanted.Mac("MacAddress");
        Control.State.Endpoint made = control.CreateEndpoint(network, endpoint, wanted.Address("Address"), wanted.Address("AddressIPv6"), mac);

        // What the request told must not be told back.
        return new JsonObject
        {
            ["Interface"] = mac is null ? new JsonObject { ["MacAddress"] = MacText(made.Mac) } : new JsonObject(),
        };
    }

    internal JsonObject Join(PluginRequest request)
    {
        JoinResult join = control.Join(request.Id("NetworkID"), request.Id("EndpointID"), request.Text("SandboxKey"));
        List<JsonNode?> routes = [];
        foreach ((IPAddress gateway, IpPrefix pool) in control.Views.Networks.First(network => network.Id == request.Id("NetworkID")).Subnets
            .Where(subnet => subnet.Gateway.Equals(join.Gateway4) || subnet.Gateway.Equals(join.Gateway6))
            .Select(subnet => (subnet.Gateway, subnet.Pool)))
        {
            routes.Add(new JsonObject { ["Destination"] = IpPrefix.Single(gateway).ToString(), ["RouteType"] = OnLink });

            // A second network's gateway is not the default one.
            routes.Add(new JsonObject { ["Destination"] = pool.ToString(), ["RouteType"] = ThroughGateway, ["NextHop"] = gateway.ToString() });
        }

        var result = new JsonObject
        {
            ["InterfaceName"] = new JsonObject { ["SrcName"] = join.LinkName, ["DstPrefix"] = "eth" },
            ["StaticRoutes"] = new JsonArray([.. routes]),
            ["DisableGatewayService"] = true,
        };
        if (join.Gateway4 is not null)
        {
            result["Gateway"] = join.Gateway4.ToString();
        }

        if (join.Gateway6 is not null)
        {
            result["GatewayIPv6"] = join.Gateway6.ToString();
        }

        return result;
    }

    /// <summary>The last call before the container's process starts, and the first at which Docker can
    /// tell whose endpoint it is: its start waits for its policy here.</summary>
    internal async Task<JsonObject> DescribeEndpointAsync(PluginRequest request, CancellationToken cancel)
    {
        string endpoint = request.Id("EndpointID");
        await docker.IdentifyAsync(request.Id("NetworkID"), endpoint, cancel);
        if (control.Cluster is { } cluster)
        {
            await cluster.SettledAsync(endpoint, _patience, cancel);
        }

        return new JsonObject { ["Value"] = new JsonObject() };
    }

    internal JsonObject DeleteEndpoint(PluginRequest request)
    {
        control.DeleteEndpoint(request.Id("EndpointID"), "the runtime deleted it");
        return [];
    }

    /// <summary>Docker says so of the one endpoint of a container that has its default gateway, whichever networks
    /// the container is on besides: the ports are published there.</summary>
    internal JsonObject ProgramExternalConnectivity(PluginRequest request)
    {
        control.Publish(request.Id("EndpointID"), [.. request.Object("Options").Objects(PortMapOption).Select(PortOf).Distinct()]);
        return [];
    }

    /// <summary>The gateway moves to another endpoint, maybe of another driver, which takes the same ports next.</summary>
    internal JsonObject RevokeExternalConnectivity(PluginRequest request)
    {
        control.Unpublish(request.Id("EndpointID"));
        return [];
    }

    /// <summary>types.PortBinding of libnetwork.</summary>
    private static PortWish PortOf(PluginRequest binding)
    {
        var protocol = (IpProtocol)binding.Number("Proto", byte.MaxValue);
        if (protocol is not (IpProtocol.Tcp or IpProtocol.Udp))
        {
            throw new ControlException($"weir networks publish tcp and udp ports, not {protocol.Name()}");
        }

        IPAddress? host = binding.Address("HostIP");
        ushort first = (ushort)binding.Number("HostPort", ushort.MaxValue);
        ushort last = (ushort)binding.Number("HostPortEnd", ushort.MaxValue);
        return new PortWish(
            protocol,
            (ushort)binding.Number("Port", ushort.MaxValue),
            host is null || host.Equals(IPAddress.Any) || host.Equals(IPAddress.IPv6Any) ? null : host,
            first,
            Math.Max(first, last));
    }

    private static void RefuseUnknown(PluginRequest options)
    {
        string? unknown = options.Fields.FirstOrDefault(field => field is not (MtuOption or Network.RoutedOption or Network.SharedOption));
        if (unknown is not null)
        {
            throw new ControlException($"weir networks have no option \"{unknown}\"; known are {MtuOption}, {Network.RoutedOption} and {Network.SharedOption}");
        }
    }

    /// <summary>The network of all nodes that is meant; null: one of this host alone.</summary>
    internal static string? SharedNameIn(PluginRequest options) => options.Text(Network.SharedOption) is { Length: > 0 } name ? name : null;

    private static bool IsRouted(PluginRequest options) => options.Text(Network.RoutedOption) switch
    {
        "" when !options.Fields.Contains(Network.RoutedOption) => false,
        "false" => false,
        "true" => true,
        var text => throw new ControlException($"{Network.RoutedOption}={text}: write true or false"),
    };

    private static int? MtuOf(PluginRequest options)
    {
        string text = options.Text(MtuOption);
        return text.Length == 0 ? null
            : int.TryParse(text, NumberStyles.None, null, out int mtu) && mtu is >= SmallestMtu and <= LargestMtu ? mtu
            : throw new ControlException($"{MtuOption}={text}: write a number from {SmallestMtu} to {LargestMtu}");
    }

    private static string MacText(byte[] mac) => string.Join(':', mac.Select(b => b.ToString("x2")));
}
