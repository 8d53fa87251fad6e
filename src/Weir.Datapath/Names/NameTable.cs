// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>weir_name: the names that programs answer DNS questions for.</summary>
internal sealed class NameTable(BpfMap<NameKey, NameEntry> names)
{
    /// <exception cref="Linux.LinuxException">There are too many; those before it are there.</exception>
    internal void Put(IReadOnlyCollection<NameRow> rows)
    {
        foreach (NameRow row in rows)
        {
            NameKey key = KeyOf(row.Name);
            names.Set(in key, EntryOf(row.Addresses));
        }
    }

    internal void Remove(IReadOnlyCollection<NetworkName> gone)
    {
        foreach (NetworkName name in gone)
        {
            NameKey key = KeyOf(name);
            names.Remove(in key);
        }
    }

    internal IReadOnlyList<NameRow> List() =>
    [
        .. names.ToList().Select(pair => new NameRow(NameOf(pair.Key), AddressesOf(pair.Value)))
            .OrderBy(row => row.Name.NetworkId).ThenBy(row => $"{row.Name.Name}", StringComparer.Ordinal),
    ];

    private static NameKey KeyOf(NetworkName name)
    {
        NameKey key = default;
        key.NetworkId = name.NetworkId;
        name.Name.Write(MemoryMarshal.AsBytes((Span<ulong>)key.Name));
        return key;
    }

    private static NetworkName NameOf(NameKey key) => new(key.NetworkId, DnsName.Read(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)key.Name)));

    private static NameEntry EntryOf(IReadOnlyList<IPAddress> addresses)
    {
        NameEntry entry = default;
        foreach (IPAddress address in addresses)
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
            {
                entry.Ipv6[(int)entry.Count6++] = IpAddr.From(address);
            }
            else
            {
                entry.Ipv4[(int)entry.Count4++] = BigEndianUInt32.FromNetworkOrder(MemoryMarshal.Read<uint>(address.GetAddressBytes()));
            }
        }

        return entry;
    }

    private static List<IPAddress> AddressesOf(NameEntry entry)
    {
        List<IPAddress> addresses = [];
        for (int i = 0; i < entry.Count4; i++)
        {
            addresses.Add(new IPAddress(entry.Ipv4[i].NetworkOrder));
        }

        for (int i = 0; i < entry.Count6; i++)
        {
            addresses.Add(entry.Ipv6[i].ToIPAddress());
        }

        return addresses;
    }
}
