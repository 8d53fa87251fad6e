// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Control.Endpoints;
using Weir.Datapath;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>
/// Ends connected UDP sockets whose backend is gone. They were translated once, when they connected, and nothing
/// else would tell their owners: with the error that they get here they connect again, to another backend. TCP
/// connections are left to their ends. Called on the writer's thread.
/// </summary>
internal sealed class StaleSockets(SocketTable sockets, EndpointNamespaces namespaces, ILogger log)
{
    private readonly ulong _host = NetworkNamespace.CurrentCookie();

    /// <param name="families">All that is served.</param>
    internal void End(IEnumerable<BalancedFamily> families)
    {
        Dictionary<uint, IReadOnlyCollection<BackendAddress>> backends = [];
        foreach (BalancedFamily family in families)
        {
            foreach (uint id in family.FrontendIds.Values)
            {
                backends[id] = family.BackendIds.Keys;
            }
        }

        IReadOnlyList<SocketRow> stale = sockets.TakeUdp(row =>
            !backends.TryGetValue(row.FrontendId, out IReadOnlyCollection<BackendAddress>? served) || !served.Contains(new BackendAddress(row.Backend, row.Port)));
        foreach (IGrouping<ulong, SocketRow> place in stale.GroupBy(row => row.Namespace))
        {
            HashSet<ulong> cookies = [.. place.Select(row => row.Cookie)];
            try
            {
                int ended = place.Key == _host ? UdpSockets.Abort(cookies)
                    : namespaces.PathOf(place.Key) is { } path ? NetworkNamespace.Run(path, () => UdpSockets.Abort(cookies))
                    : 0; // it is gone, and its sockets
                if (ended > 0)
                {
                    Log.SocketsEnded(log, ended, string.Join(", ", place.Select(row => new BackendAddress(row.Backend, row.Port)).Distinct()));
                }
            }
            catch (LinuxException e)
            {
                Log.Failed(log, "ending UDP sockets whose backend is gone", e.Message);
            }
        }
    }
}
