// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Addresses;

/// <summary>The addresses of one pool. Those of endpoints are not kept: endpoints are.</summary>
/// <remarks>Who asks for an address is not told. A container that stopped is likely to come back: its address waits for
/// it, while that of one that was removed rests before it serves another. docs/adr/0019-addresses-wait-and-rest.md.</remarks>
internal sealed class Leases(AddressPool pool)
{
    private const int MostWaiting = 1024;

    /// <summary>Containers that stopped within this time of one another are being restarted together, and come back in
    /// the order they went.</summary>
    private static readonly TimeSpan _restart = TimeSpan.FromSeconds(5);

    private readonly List<(IPAddress Address, string Owner, DateTimeOffset Since)> _waiting = []; // who stopped last is last
    private UInt128 _next;

    internal AddressPool Pool { get; set; } = pool;

    /// <summary>Addresses given out, and when.</summary>
    internal Dictionary<IPAddress, DateTimeOffset> Taken { get; } = [];

    internal bool TryTake(IPAddress address, DateTimeOffset now)
    {
        if (!IsFree(address))
        {
            return false;
        }

        Taken[address] = now;
        _waiting.RemoveAll(waiting => waiting.Address.Equals(address));
        return true;
    }

    /// <summary>Somebody has the address since before the agent started. The round goes on behind it: what was given last
    /// may be on its way to a container still.</summary>
    internal void Recall(IPAddress address, DateTimeOffset now)
    {
        if (TryTake(address, now))
        {
            _next = UInt128.Max(_next, AddressMath.Distance(Pool.Prefix.Address, address));
        }
    }

    /// <summary>The address waits for its owner, as long as there are others.</summary>
    internal void Await(IPAddress address, string owner, DateTimeOffset now)
    {
        _waiting.RemoveAll(waiting => waiting.Address.Equals(address));
        _waiting.Add((address, owner, now));
        if (_waiting.Count > MostWaiting)
        {
            _waiting.RemoveAt(0);
        }
    }

    /// <summary>The owner will not come back.</summary>
    internal void Forget(string owner) => _waiting.RemoveAll(waiting => waiting.Owner == owner);

    /// <summary>The address that whoever asks most likely had; else the next free one after the last given, so that an
    /// address rests before it serves another.</summary>
    /// <param name="mayBeNew">Somebody who never had an address may be asking.</param>
    /// <param name="blocks">From which it is given.</param>
    /// <param name="claimed">Not to be given.</param>
    internal IPAddress? FindFree(bool mayBeNew, IReadOnlyList<IpPrefix> blocks, IReadOnlyList<IpPrefix> claimed, DateTimeOffset now)
    {
        (IPAddress Address, string, DateTimeOffset Since)[] waiting = [.. _waiting.Where(waiting => IsFree(waiting.Address) && !claimed.Any(claim => claim.Contains(waiting.Address)))];
        (IPAddress Address, string, DateTimeOffset)[] restarting = [.. waiting.Where(one => now - one.Since < _restart)];
        return restarting.Length > 0 && !mayBeNew ? restarting[0].Address
            : waiting.Length > 0 && !mayBeNew ? waiting[^1].Address
            : blocks.Select(block => FindRested(block, claimed)).FirstOrDefault(address => address is not null) ?? waiting.Select(one => one.Address).FirstOrDefault();
    }

    private IPAddress? FindRested(IpPrefix block, IReadOnlyList<IpPrefix> claimed)
    {
        IpPrefix[] within = [.. claimed.Where(block.Overlaps)];
        UInt128 usable = AddressMath.Usable(block);
        UInt128 passed = within.Aggregate((UInt128)0, (sum, claim) => sum + (UInt128.One << (claim.AddressBits - claim.Length)));
        UInt128 tries = UInt128.Min(usable, (UInt128)(Taken.Count + Pool.Held.Count + _waiting.Count + 1) + passed);
        for (UInt128 i = 0; i < tries; i++)
        {
            IPAddress address = AddressMath.Add(block.Address, (_next % usable) + 1);
            _next++;
            if (IsFree(address) && !within.Any(claim => claim.Contains(address)) && !_waiting.Exists(waiting => waiting.Address.Equals(address)))
            {
                return address;
            }
        }

        return null;
    }

    private bool IsFree(IPAddress address) => !Taken.ContainsKey(address) && !Pool.Held.Contains(address);
}
