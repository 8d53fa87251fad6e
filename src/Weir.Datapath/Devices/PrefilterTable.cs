// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>Sources that are dropped at the device, before anything else: whole addresses in weir_pre_addr, prefixes in
/// weir_pre_net. Packets are looked up only in what is not empty.</summary>
public sealed class PrefilterTable
{
    // An IPv6 prefix around or inside the IPv4-mapped range would catch IPv4.
    private static readonly IpPrefix _mappedIpv4 = new(IPAddress.Parse("::ffff:0:0"), 96);

    private readonly Lock _lock = new();
    private readonly LbFlags _flags;
    private readonly BpfMap<IpAddr, byte> _addresses;
    private readonly BpfMap<PrefilterKey, byte> _prefixes;
    private int _addressCount;
    private int _prefixCount;

    internal PrefilterTable(DatapathMaps maps, LbFlags flags)
    {
        _flags = flags;
        _addresses = new(maps[MapNames.PreAddr]);
        _prefixes = new(maps[MapNames.PreNet]);
        CountAgain();
    }

    /// <summary>How many are in force.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _addressCount + _prefixCount;
            }
        }
    }

    /// <summary>Most whole addresses, and most prefixes.</summary>
    public uint Max => _addresses.Raw.Spec.MaxEntries;

    /// <summary>Why a prefix cannot be dropped at the device; null: it can.</summary>
    public static string? FaultOf(IpPrefix prefix) => prefix.IsIpv6 && prefix.Overlaps(_mappedIpv4)
        ? $"{prefix} overlaps the IPv4-mapped range {_mappedIpv4}; write the IPv4 prefix, or a longer IPv6 prefix such as 2000::/3"
        : null;

    /// <summary>Drops packets from these sources from now on; those that are there already stay.</summary>
    /// <exception cref="ArgumentException">One has a <see cref="FaultOf"/>; none is added.</exception>
    /// <exception cref="Linux.LinuxException">There are too many; some may be in force.</exception>
    public void Add(IReadOnlyCollection<IpPrefix> prefixes)
    {
        ArgumentNullException.ThrowIfNull(prefixes);
        if (prefixes.Select(FaultOf).FirstOrDefault(fault => fault is not null) is { } first)
        {
            throw new ArgumentException(first, nameof(prefixes));
        }

        IpAddr[] addresses = [.. prefixes.Where(prefix => prefix.IsSingleAddress).Select(MappedPrefix.AddressOf).Distinct()];
        PrefilterKey[] nets = [.. prefixes.Where(prefix => !prefix.IsSingleAddress).Select(KeyOf)];
        lock (_lock)
        {
            try
            {
                _addresses.SetMany(addresses, Ones(addresses.Length));
                _prefixes.SetMany(nets, Ones(nets.Length));
            }
            finally
            {
                CountAgain();
            }
        }
    }

    /// <summary>Lets packets from a source in again. False: it was not there.</summary>
    public bool Remove(IpPrefix prefix)
    {
        lock (_lock)
        {
            bool removed;
            if (prefix.IsSingleAddress)
            {
                removed = _addresses.Remove(MappedPrefix.AddressOf(prefix));
                _addressCount -= removed ? 1 : 0;
            }
            else
            {
                removed = _prefixes.Remove(KeyOf(prefix));
                _prefixCount -= removed ? 1 : 0;
            }

            SetFlags();
            return removed;
        }
    }

    /// <summary>Drops packets from these sources and no others; who is to stay out is never let in meanwhile.</summary>
    public void Replace(IReadOnlyCollection<IpPrefix> prefixes)
    {
        HashSet<IpPrefix> present = [.. List()];
        Add([.. prefixes.Where(prefix => !present.Contains(prefix))]);
        foreach (IpPrefix gone in present.Except(prefixes))
        {
            Remove(gone);
        }
    }

    /// <summary>All of them, in order.</summary>
    public IReadOnlyList<IpPrefix> List() =>
    [
        .. _addresses.ToList().Select(pair => IpPrefix.Single(pair.Key.ToIPAddress()))
            .Concat(_prefixes.ToList().Select(pair => MappedPrefix.From(pair.Key.Addr, pair.Key.PrefixLen)))
            .Distinct()
            .Order(),
    ];

    private static PrefilterKey KeyOf(IpPrefix prefix) =>
        new() { PrefixLen = MappedPrefix.LengthOf(prefix), Addr = MappedPrefix.AddressOf(prefix) };

    private static byte[] Ones(int count)
    {
        byte[] ones = new byte[count];
        Array.Fill(ones, (byte)1);
        return ones;
    }

    private void CountAgain()
    {
        _addressCount = CountOf(_addresses.Raw);
        _prefixCount = CountOf(_prefixes.Raw);
        SetFlags();
    }

    private void SetFlags()
    {
        _flags.Set(LbFlag.PrefilterAddress, _addressCount > 0);
        _flags.Set(LbFlag.PrefilterPrefix, _prefixCount > 0);
    }

    private static int CountOf(BpfMap map)
    {
        int total = 0;
        map.ForEachBatch((_, _, count) => total += count);
        return total;
    }
}
