// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Host;
using Weir.Control.Networks;
using Weir.Control.State;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Store;

namespace Weir.Control;

/// <summary>Takes away what Weir put into kernel and host. No agent may run meanwhile.</summary>
public static class Cleanup
{
    private const int Loopback = 1;

    /// <summary>What there is to remove, one line each; empty: nothing.</summary>
    public static IReadOnlyList<string> Find(string pinRoot, IReadOnlyList<string> folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        using var links = new RtnetlinkSocket();
        return
        [
            .. links.ListLinks().Where(link => LinkNames.IsHost(link.Name)).Select(link => $"interface {link.Name}"),
            .. folders.Append(pinRoot).Where(Directory.Exists).Select(folder => $"folder {folder}"),
        ];
    }

    /// <param name="durable">Tells which networks there were; null: it cannot be read.</param>
    public static void Run(IStore? durable, string pinRoot, IReadOnlyList<string> folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        using var links = new RtnetlinkSocket();
        foreach (LinkInfo link in links.ListLinks().Where(link => link.Kind == "veth" && LinkNames.IsHost(link.Name)))
        {
            links.DeleteLink(link.Name);
        }

        foreach (Network network in durable?.List("networks", StateContext.Default.Network) ?? [])
        {
            foreach (Subnet subnet in network.Subnets)
            {
                links.DeleteAddress(subnet.Gateway, subnet.Pool.AddressBits, Loopback);
                links.DeleteUnreachable(subnet.Pool, NetworkManager.RouteMetric);
            }
        }

        ProxyRouting.Remove();
        Iptables.Remove();
        if (durable is not null)
        {
            HostSettings.Restore(durable);
            SnatPorts.Release(durable);
        }

        Datapath.Datapath.RemoveAll(pinRoot);
        foreach (string folder in folders.Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
