// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The network namespaces of endpoints' containers, whose sockets get backends and are judged: weir_netns.</summary>
public sealed class NamespaceTable
{
    private readonly BpfMap<ulong, NetnsEntry> _map;
    private readonly LbFlags _flags;

    internal NamespaceTable(BpfMap map, LbFlags flags)
    {
        _map = new(map);
        _flags = flags;
    }

    /// <summary>Puts these in place of those that are there. At no moment is one of both left out.</summary>
    /// <param name="areAll">False: that of some container is not known yet, and until then any may be it.</param>
    public void Set(IReadOnlyDictionary<ulong, NamespaceRow> namespaces, bool areAll)
    {
        ArgumentNullException.ThrowIfNull(namespaces);
        Dictionary<ulong, NetnsEntry> present = _map.ToList().ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach ((ulong cookie, NamespaceRow row) in namespaces)
        {
            var entry = new NetnsEntry { EndpointId = row.EndpointId, Ipv4 = AddressOf(row.Ipv4), Ipv6 = AddressOf(row.Ipv6) };
            if (!present.TryGetValue(cookie, out NetnsEntry known) || !known.Equals(entry))
            {
                _map.Set(cookie, entry);
            }
        }

        _flags.Set(LbFlag.AnyNamespace, !areAll);
        foreach (ulong removed in present.Keys.Where(cookie => !namespaces.ContainsKey(cookie)))
        {
            _map.Remove(removed);
        }
    }

    /// <summary>Their cookies.</summary>
    public HashSet<ulong> List() => [.. _map.ToList().Select(entry => entry.Key)];

    private static IpAddr AddressOf(IPAddress? address) => address is null ? default : IpAddr.From(address);
}
