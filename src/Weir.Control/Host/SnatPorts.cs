// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Linux;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Host;

/// <summary>Keeps the host's own connections off the ports of SNAT: they are added to those that the kernel gives to
/// nobody who does not ask for one by number.</summary>
internal static class SnatPorts
{
    internal const string Reserved = "net/ipv4/ip_local_reserved_ports";
    private const string Key = "snat-ports/reserved";

    /// <summary>Reserves them, unless they are; remembers which of them were reserved before.</summary>
    /// <returns>Whether something had to be done.</returns>
    internal static bool Reserve(IStore store, PortRange ports)
    {
        PortSet now = PortSet.Parse(Sysctl.Read(Reserved));
        if (now.ContainsAll(ports))
        {
            return false;
        }

        if (store.Get(Key, StateContext.Default.ReservedPorts) is { } kept && kept.Ports != ports.ToString())
        {
            // Another range, of an earlier configuration.
            Release(store);
            now = PortSet.Parse(Sysctl.Read(Reserved));
        }

        store.Put(Key, new ReservedPorts(ports.ToString(), now.ToString()), StateContext.Default.ReservedPorts);
        now.Add(ports);
        Write(now);
        return true;
    }

    /// <summary>That they stay reserved, whoever else writes that setting.</summary>
    internal static Expectation Expect(IStore store, PortRange ports) => new(
        "sysctl",
        $"ports {ports} of SNAT in sysctl {Reserved.Replace('/', '.')}",
        _ => PortSet.Parse(Sysctl.Read(Reserved)).ContainsAll(ports),
        () => Reserve(store, ports));

    /// <summary>What is reserved by this installation, or null.</summary>
    internal static ReservedPorts? Kept(IStore? store) => store?.Get(Key, StateContext.Default.ReservedPorts);

    /// <summary>Gives back those that were not reserved before; what others have reserved meanwhile stays.</summary>
    internal static void Release(IStore store)
    {
        if (store.Get(Key, StateContext.Default.ReservedPorts) is not { } kept || !PortRange.TryParse(kept.Ports, out PortRange ports))
        {
            return;
        }

        PortSet now = PortSet.Parse(Sysctl.Read(Reserved));
        now.Remove(ports, except: PortSet.Parse(kept.Before));
        Write(now);
        store.Delete(Key);
    }

    // The kernel takes an empty line for none, and nothing at all for no change.
    private static void Write(PortSet ports) => Sysctl.Write(Reserved, ports.ToString() is { Length: > 0 } text ? text : "\n");
}
