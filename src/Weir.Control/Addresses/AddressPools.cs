// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.State;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Addresses;

/// <summary>Gives ranges to networks and addresses to endpoints. Called on the writer's thread.</summary>
internal sealed class AddressPools
{
    private const string Folder = "pools";
    private const string IdPrefix = "weir/";
    private const int Ipv4PoolLength = 24;
    private const int Ipv6PoolLength = 64;

    private readonly IStore _store;
    private readonly ControlOptions _options;
    private readonly TimeProvider _time;
    private readonly Func<IEnumerable<HostRange>> _hostRanges;
    private readonly Func<IEnumerable<IpPrefix>> _claimed;
    private readonly Func<string, IReadOnlyList<IpPrefix>> _blocks;
    private readonly Dictionary<string, Leases> _pools = [];

    /// <param name="hostRanges">What is in use around here: no pool shares an address with it.</param>
    /// <param name="claimed">Addresses that endpoints have beside their own: nobody is given one.</param>
    /// <param name="blocks">Of a shared network, those that are this node's.</param>
    internal AddressPools(
        IStore store, ControlOptions options, TimeProvider time, Func<IEnumerable<HostRange>> hostRanges, Func<IEnumerable<IpPrefix>> claimed, Func<string, IReadOnlyList<IpPrefix>> blocks)
    {
        _blocks = blocks;
        _store = store;
        _options = options;
        _time = time;
        _hostRanges = hostRanges;
        _claimed = claimed;
        foreach (AddressPool pool in store.List(Folder, StateContext.Default.AddressPool))
        {
            _pools[pool.Id] = new Leases(pool);
        }
    }

    internal IEnumerable<AddressPool> All => _pools.Values.Select(leases => leases.Pool);

    private IReadOnlyList<IpPrefix> Claimed => [.. _claimed()];

    /// <summary>Whether the range was given to a network from here.</summary>
    internal bool Has(IpPrefix prefix) => _pools.ContainsKey(IdPrefix + prefix.Masked);

    /// <summary>The name of the network of all nodes that a range was given to; null: it is this host's alone.</summary>
    internal string? SharedNameOf(IpPrefix prefix) => _pools.GetValueOrDefault(IdPrefix + prefix.Masked)?.Pool.Shared;

    /// <param name="subnet">Null: any that is free.</param>
    /// <param name="shared">The name of the network that all nodes have; null: it is this host's alone.</param>
    internal AddressPool RequestPool(string? subnet, bool ipv6, string? shared = null)
    {
        IpPrefix? prefix;
        if (string.IsNullOrEmpty(subnet))
        {
            prefix = FindFree(ipv6);
        }
        else if (!IpPrefix.TryParse(subnet, out prefix))
        {
            throw new ControlException($"--subnet {subnet} is not an address prefix; write for example 10.20.30.0/24");
        }

        prefix = prefix.Masked;
        SubnetRules.Check(prefix);
        if (Claimed.FirstOrDefault(claim => claim.Overlaps(prefix)) is { } claimed)
        {
            throw new ControlException($"subnet {prefix} overlaps {claimed}, which a container has by its label {Workload.AddressesLabelKey}; choose another --subnet");
        }

        AddressPool? taken = All.FirstOrDefault(pool => pool.Prefix.Overlaps(prefix));
        if (taken is not null)
        {
            throw new ControlException($"subnet {prefix} overlaps {taken.Prefix}, which another weir network has; choose another --subnet");
        }

        if (_hostRanges().FirstOrDefault(range => range.Prefix.Overlaps(prefix)) is { } range)
        {
            throw new ControlException($"subnet {prefix} overlaps {range.What}, which this host would lose; choose another --subnet");
        }

        var made = new AddressPool(IdPrefix + prefix, prefix, [], _time.GetUtcNow(), shared);
        Keep(made);
        _pools[made.Id] = new Leases(made);
        return made;
    }

    /// <summary>From here on the range of a network of all nodes is given to whoever asks for one that was given to this host's alone.
    /// Both are released together.</summary>
    /// <returns>The gateway there.</returns>
    internal IPAddress Join(IpPrefix given, IpPrefix range, string shared)
    {
        Leases leases = _pools[IdPrefix + given.Masked];
        AddressPool joined = RequestPool($"{range}", range.IsIpv6, shared);
        leases.Pool = leases.Pool with { StandsFor = joined.Id };
        Keep(leases.Pool);
        return RequestAddress(joined.Id, null, isGateway: true);
    }

    /// <summary>A range that a network has already, whose record is lost.</summary>
    internal void Recall(IpPrefix prefix, string? shared = null)
    {
        Leases leases = Find(IdPrefix + prefix.Masked);
        if (leases.Pool.Shared != shared)
        {
            leases.Pool = leases.Pool with { Shared = shared };
            Keep(leases.Pool);
        }
    }

    /// <summary>Nothing happens if it is gone.</summary>
    internal void ReleasePool(string id)
    {
        if (_pools.GetValueOrDefault(id)?.Pool.StandsFor is { } joined)
        {
            ReleasePool(joined);
        }

        if (id.StartsWith(IdPrefix, StringComparison.Ordinal))
        {
            _store.Delete(KeyOf(id[IdPrefix.Length..]));
        }

        _pools.Remove(id);
    }

    /// <summary>Releases what became no network's: its maker went away between asking for it and making the network.</summary>
    /// <param name="isUsed">Whether a network has the range.</param>
    /// <param name="settled">What was asked for later may become a network yet.</param>
    internal void ReleaseUnused(Func<IpPrefix, bool> isUsed, DateTimeOffset settled)
    {
        foreach (AddressPool pool in All.Where(pool => pool.Created < settled && !isUsed(PrefixOf(pool.Id))).ToList())
        {
            ReleasePool(pool.Id);
        }
    }

    /// <summary>The range that a pool's id stands for.</summary>
    internal IpPrefix PrefixOf(string poolId) => Find(poolId).Pool.Prefix;

    /// <param name="wanted">Null: any that is free.</param>
    /// <param name="isGateway">It stays the network's until the pool is released.</param>
    /// <param name="mayBeNew">A container may be asking that had no address before.</param>
    internal IPAddress RequestAddress(string poolId, IPAddress? wanted, bool isGateway, bool mayBeNew = false)
    {
        Leases leases = Find(poolId);
        IReadOnlyList<IpPrefix> blocks = leases.Pool.Shared is { } shared ? [.. _blocks(shared).Where(leases.Pool.Prefix.Contains)] : [leases.Pool.Prefix];
        IPAddress address = wanted ?? leases.FindFree(mayBeNew, blocks, Claimed, _time.GetUtcNow())
            ?? throw new ControlException(leases.Pool.Shared is null
                ? $"every address of subnet {leases.Pool.Prefix} is in use; remove containers or use a larger --subnet"
                : $"this node has no address left of network {leases.Pool.Shared} ({(blocks.Count == 0 ? "it has no block yet" : string.Join(", ", blocks))}): it takes another block as soon as the shared store answers");
        SubnetRules.CheckAddress(leases.Pool.Prefix, address);
        if (!isGateway && wanted is not null && !blocks.Any(block => block.Contains(wanted)))
        {
            throw new ControlException($"address {wanted} is not in a block of this node ({string.Join(", ", blocks)}); choose another --ip, or start the container on the node that has it");
        }

        if (isGateway)
        {
            if (!leases.Pool.Held.Contains(address))
            {
                Hold(leases, address);
            }
        }
        else if (Claimed.FirstOrDefault(claim => claim.Contains(address)) is { } claim)
        {
            throw new ControlException($"address {address} is in use: a container has {claim} by its label {Workload.AddressesLabelKey}; choose another --ip");
        }
        else if (!leases.TryTake(address, _time.GetUtcNow()))
        {
            throw new ControlException($"address {address} is in use on this network; choose another --ip");
        }

        return address;
    }

    /// <summary>Keeps an address that is no endpoint's with its pool.</summary>
    internal void HoldAddress(IpPrefix pool, IPAddress address)
    {
        if (_pools.TryGetValue(IdPrefix + pool.Masked, out Leases? leases) && !leases.Pool.Held.Contains(address))
        {
            Hold(leases, address);
        }
    }

    /// <summary>These addresses wait for who had them, as long as there are others to give.</summary>
    internal void Await(IEnumerable<IPAddress> addresses, string owner)
    {
        foreach (IPAddress address in addresses)
        {
            PoolOf(address)?.Await(address, owner, _time.GetUtcNow());
        }
    }

    /// <summary>No address waits for this one any more.</summary>
    internal void Forget(string owner)
    {
        foreach (Leases leases in _pools.Values)
        {
            leases.Forget(owner);
        }
    }

    /// <summary>Nothing happens if it is free.</summary>
    internal void ReleaseAddress(string poolId, IPAddress address)
    {
        if (_pools.ContainsKey(poolId))
        {
            Find(poolId).Taken.Remove(address);
        }
    }

    /// <summary>An endpoint has these addresses, whoever gave them.</summary>
    internal void Confirm(IEnumerable<IPAddress> addresses)
    {
        foreach (IPAddress address in addresses)
        {
            PoolOf(address)?.Recall(address, _time.GetUtcNow());
        }
    }

    internal void Release(IEnumerable<IPAddress> addresses)
    {
        foreach (IPAddress address in addresses)
        {
            PoolOf(address)?.Taken.Remove(address);
        }
    }

    /// <summary>Frees what was given out long ago and became no endpoint's.</summary>
    internal void ReleaseAbandoned(IReadOnlySet<IPAddress> inUse, TimeSpan age)
    {
        DateTimeOffset latest = _time.GetUtcNow() - age;
        foreach (Leases leases in _pools.Values)
        {
            foreach ((IPAddress address, DateTimeOffset since) in leases.Taken.ToList())
            {
                if (since < latest && !inUse.Contains(address))
                {
                    leases.Taken.Remove(address);
                }
            }
        }
    }

    private Leases Find(string poolId)
    {
        if (_pools.TryGetValue(poolId, out Leases? leases))
        {
            return leases.Pool.StandsFor is { } joined ? Find(joined) : leases;
        }

        // The record is lost, the runtime's is not: the id tells all that matters.
        if (poolId.StartsWith(IdPrefix, StringComparison.Ordinal) && IpPrefix.TryParse(poolId[IdPrefix.Length..], out IpPrefix? prefix)
            && !All.Any(pool => pool.Prefix.Overlaps(prefix)))
        {
            leases = new Leases(new AddressPool(poolId, prefix.Masked, [], _time.GetUtcNow()));
            Keep(leases.Pool);
            _pools[poolId] = leases;
            return leases;
        }

        throw new ControlException($"address pool \"{poolId}\" is not known; it should read like weir/10.20.30.0/24");
    }

    private Leases? PoolOf(IPAddress address) => _pools.Values.FirstOrDefault(leases => leases.Pool.Prefix.Contains(address));

    private void Hold(Leases leases, IPAddress address)
    {
        AddressPool pool = leases.Pool with { Held = [.. leases.Pool.Held, address] };
        Keep(pool);
        leases.Taken.Remove(address);
        leases.Pool = pool;
    }

    private void Keep(AddressPool pool) => _store.Put(KeyOf(pool.Prefix.ToString()), pool, StateContext.Default.AddressPool);

    private static string KeyOf(string prefix) => $"{Folder}/{prefix.Replace('/', '_')}";

    private IpPrefix FindFree(bool ipv6)
    {
        IpPrefix range = ipv6 ? _options.Ipv6Range : _options.Ipv4Range;
        int length = Math.Max(ipv6 ? Ipv6PoolLength : Ipv4PoolLength, range.Length);
        HostRange[] others = [.. _hostRanges()];
        IpPrefix[] inUse = [.. All.Select(pool => pool.Prefix), .. Claimed, .. others.Select(other => other.Prefix)];
        IPAddress address = range.Masked.Address;
        for (; range.Contains(address); address = AddressMath.Add(address, UInt128.One << (range.AddressBits - length)))
        {
            var candidate = new IpPrefix(address, length);
            if (!inUse.Any(prefix => prefix.Overlaps(candidate)))
            {
                return candidate;
            }
        }

        string blocker = others.FirstOrDefault(other => other.Prefix.Overlaps(range)) is { } first ? $" ({first.What} is in it)" : "";
        throw new ControlException($"no free /{length} is left in {range}{blocker}; give the network a --subnet or the agent a larger range");
    }
}
