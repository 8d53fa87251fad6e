// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>weir_publish: a closed published port is open to these outsiders, beside those that policy names.</summary>
public sealed class PublishTable
{
    private const uint PortBits = 64; // of the key, before the source

    private readonly BpfMap<PublishKey, PublishEntry> _sources;

    internal PublishTable(BpfMap<PublishKey, PublishEntry> sources) => _sources = sources;

    /// <summary>How many it can hold.</summary>
    public uint Max => _sources.Raw.Spec.MaxEntries;

    public IReadOnlyList<PublishRow> List() => [.. _sources.ToList().Select(pair => RowOf(pair.Key, pair.Value))];

    /// <summary>Makes the table hold these and no others; what stays is open meanwhile. Raise the revision afterwards.</summary>
    /// <returns>Whether anything changed.</returns>
    /// <exception cref="Linux.LinuxException">There are too many; what was to be closed is closed.</exception>
    public bool Replace(IReadOnlyCollection<PublishRow> wanted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        HashSet<PublishRow> present = [.. List()];
        PublishRow[] gone = [.. present.Except(wanted)];
        PublishRow[] added = [.. wanted.Where(row => !present.Contains(row)).Distinct()];
        foreach (PublishRow row in gone)
        {
            PublishKey key = KeyOf(row);
            _sources.Remove(in key);
        }

        _sources.SetMany([.. added.Select(KeyOf)], [.. added.Select(row => new PublishEntry { Ifindex = (uint)row.Ifindex })]);
        return gone.Length + added.Length > 0;
    }

    private static PublishKey KeyOf(PublishRow row) => new()
    {
        PrefixLen = PortBits + MappedPrefix.LengthOf(row.Source),
        EndpointId = row.EndpointId,
        Port = row.Port,
        Protocol = (byte)row.Protocol,
        V6 = (byte)(row.Source.IsIpv6 ? 1 : 0),
        Source = MappedPrefix.AddressOf(row.Source),
    };

    private static PublishRow RowOf(in PublishKey key, in PublishEntry entry) => new(
        key.EndpointId,
        key.Port,
        (IpProtocol)key.Protocol,
        key.V6 != 0 ? new IpPrefix(Ipv6Of(key.Source), (int)(key.PrefixLen - PortBits)) : MappedPrefix.From(key.Source, key.PrefixLen - PortBits),
        (int)entry.Ifindex);

    /// <summary>Not as a mapped IPv4 address, whatever it looks like.</summary>
    private static System.Net.IPAddress Ipv6Of(IpAddr address) => new(System.Runtime.InteropServices.MemoryMarshal.AsBytes([address]));
}
