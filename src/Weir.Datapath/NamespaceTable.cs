// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The network namespaces of endpoints' containers, whose sockets get backends: weir_netns.</summary>
public sealed class NamespaceTable
{
    private readonly BpfMap<ulong, byte> _map;
    private readonly LbFlags _flags;

    internal NamespaceTable(BpfMap map, LbFlags flags)
    {
        _map = new(map);
        _flags = flags;
    }

    /// <summary>Puts these in place of those that are there. At no moment is one of both left out.</summary>
    /// <param name="areAll">False: that of some container is not known yet, and until then any may be it.</param>
    public void Set(IReadOnlySet<ulong> cookies, bool areAll)
    {
        ArgumentNullException.ThrowIfNull(cookies);
        HashSet<ulong> present = List();
        foreach (ulong added in cookies.Where(cookie => !present.Contains(cookie)))
        {
            _map.Set(added, 1);
        }

        _flags.Set(LbFlag.AnyNamespace, !areAll);
        foreach (ulong removed in present.Where(cookie => !cookies.Contains(cookie)))
        {
            _map.Remove(removed);
        }
    }

    /// <summary>Their cookies.</summary>
    public HashSet<ulong> List() => [.. _map.ToList().Select(entry => entry.Key)];
}
