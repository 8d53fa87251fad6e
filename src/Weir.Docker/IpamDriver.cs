// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text.Json.Nodes;
using Weir.Control;
using Weir.Net;

namespace Weir.Docker;

/// <summary>libnetwork's remote IPAM protocol (moby/libnetwork docs/ipam.md).</summary>
public sealed class IpamDriver(ControlPlane control, DockerWatcher docker)
{
    private const string AddressType = "RequestAddressType";
    private const string Gateway = "com.docker.network.gateway";

    /// <summary>Pools are kept here, so that Docker need not ask again for them when it restarts.</summary>
    internal static JsonObject Capabilities => new() { ["RequiresMACAddress"] = false, ["RequiresRequestReplay"] = false };

    internal static JsonObject AddressSpaces => new()
    {
        ["LocalDefaultAddressSpace"] = "weir-local",
        ["GlobalDefaultAddressSpace"] = "weir-global",
    };

    internal JsonObject RequestPool(PluginRequest request)
    {
        if (request.Text("SubPool").Length > 0)
        {
            throw new ControlException("--ip-range is not supported on weir networks: leave it out, or give the network a smaller --subnet");
        }

        (string id, IpPrefix prefix) = control.Addresses.RequestPool(request.Text("Pool"), request.Flag("V6"), NetworkDriver.SharedNameIn(request.Object("Options")));
        return new JsonObject { ["PoolID"] = id, ["Pool"] = prefix.ToString(), ["Data"] = new JsonObject() };
    }

    internal JsonObject ReleasePool(PluginRequest request)
    {
        control.Addresses.ReleasePool(request.Required("PoolID"));
        return [];
    }

    internal async Task<JsonObject> RequestAddressAsync(PluginRequest request, CancellationToken cancel)
    {
        string pool = request.Required("PoolID");
        IPAddress? wanted = request.Address("Address");
        bool isGateway = request.Object("Options").Text(AddressType) == Gateway;
        bool mayBeNew = wanted is null && !isGateway && await control.RunAsync(() => control.Addresses.FindNetworkOf(pool)) is { } network && await docker.AwaitsFirstStartAsync(network, cancel);
        IpPrefix address = await control.RunAsync(() => control.Addresses.RequestAddress(pool, wanted, isGateway, mayBeNew));
        return new JsonObject { ["Address"] = address.ToString(), ["Data"] = new JsonObject() };
    }

    internal JsonObject ReleaseAddress(PluginRequest request)
    {
        if (request.Address("Address") is { } address)
        {
            control.Addresses.ReleaseAddress(request.Required("PoolID"), address);
        }

        return [];
    }
}
