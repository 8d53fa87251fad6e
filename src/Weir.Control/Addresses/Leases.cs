// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.State;

namespace Weir.Control.Addresses;

/// <summary>The addresses of one pool. Those of endpoints are not kept: endpoints are.</summary>
internal sealed class Leases(AddressPool pool)
{
    private UInt128 _next;

    internal AddressPool Pool { get; set; } = pool;

    /// <summary>Addresses given out, and when.</summary>
    internal Dictionary<IPAddress, DateTimeOffset> Taken { get; } = [];

    internal bool TryTake(IPAddress address, DateTimeOffset now) => !Pool.Held.Contains(address) && Taken.TryAdd(address, now);

    /// <summary>The next free one after the last given: an address rests before it serves another.</summary>
    internal IPAddress? FindFree()
    {
        UInt128 usable = AddressMath.Usable(Pool.Prefix);
        UInt128 tries = UInt128.Min(usable, (UInt128)(Taken.Count + Pool.Held.Count + 1));
        for (UInt128 i = 0; i < tries; i++)
        {
            IPAddress address = AddressMath.Add(Pool.Prefix.Address, (_next % usable) + 1);
            _next++;
            if (!Taken.ContainsKey(address) && !Pool.Held.Contains(address))
            {
                return address;
            }
        }

        return null;
    }
}
