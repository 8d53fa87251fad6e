// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>Which sockets the hook gave which backends: weir_sock. Nobody tells of sockets that are closed.</summary>
public sealed class SocketTable
{
    private readonly BpfMap<SockKey, SockEntry> _map;

    internal SocketTable(BpfMap map) => _map = new(map);

    /// <summary>Takes out UDP sockets that a condition is true of.</summary>
    public IReadOnlyList<SocketRow> TakeUdp(Predicate<SocketRow> condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        List<SocketRow> taken = [];
        List<SockKey> keys = [];
        _map.Raw.ForEachBatch((keyBytes, valueBytes, count) =>
        {
            ReadOnlySpan<SockKey> key = MemoryMarshal.Cast<byte, SockKey>(keyBytes);
            ReadOnlySpan<SockEntry> value = MemoryMarshal.Cast<byte, SockEntry>(valueBytes);
            for (int i = 0; i < count; i++)
            {
                if (key[i].Protocol != (byte)IpProtocol.Udp)
                {
                    continue;
                }

                var row = new SocketRow(key[i].Cookie, value[i].Netns, value[i].FrontendId, key[i].Backend.ToIPAddress(), key[i].Port);
                if (condition(row))
                {
                    taken.Add(row);
                    keys.Add(key[i]);
                }
            }
        });
        if (keys.Count > 0)
        {
            _map.RemoveMany(CollectionsMarshal.AsSpan(keys));
        }

        return taken;
    }
}
