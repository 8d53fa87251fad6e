// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Addresses;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Cluster;

/// <summary>Which block of a shared network's range a node takes next, and which it returns. Pure.</summary>
internal static class BlockPlan
{
    /// <summary>Addresses that a node has in reserve before it takes another block.</summary>
    private const int FewestFree = 8;

    /// <summary>Addresses that it has without a block which it returns: more than would make it take the next.</summary>
    private const int FewestLeft = 4 * FewestFree;

    private const int BitsOfBlocks = 8; // 256 of them
    private const int SmallestIpv4Block = 28;

    /// <summary>How long the blocks' prefixes are.</summary>
    internal static int LengthOf(IpPrefix range) => range.IsIpv6 ? Math.Min(range.Length + (2 * BitsOfBlocks), 112) : Math.Max(range.Length, Math.Min(range.Length + BitsOfBlocks, SmallestIpv4Block));

    /// <summary>Null: none is needed, or none is left.</summary>
    internal static IpPrefix? Next(ClusterView view, World world, string network, IpPrefix range, string node)
    {
        IpPrefix[] own = [.. Of(view, network, node).Where(range.Contains)];
        int length = LengthOf(range);
        // What the shared store has lost of this node is taken again.
        foreach (IPAddress address in world.Attached.SelectMany(endpoint => endpoint.Addresses).Where(address => range.Contains(address) && !own.Any(block => block.Contains(address))))
        {
            if (new IpPrefix(address, length).Masked is var lost && !view.Blocks.ContainsKey(lost))
            {
                return lost;
            }
        }

        if (own.Length > 0 && Free(own, world) >= FewestFree)
        {
            return null;
        }

        UInt128 size = UInt128.One << (range.AddressBits - length);
        UInt128 count = UInt128.One << (length - range.Length);
        // From a place of its own, so that nodes that come together seldom want the same.
        UInt128 first = (UInt128)StableHash(node) % count;
        for (UInt128 i = 0; i < UInt128.Min(count, 65536); i++)
        {
            var candidate = new IpPrefix(AddressMath.Add(range.Masked.Address, (first + i) % count * size), length);
            if (!view.Blocks.ContainsKey(candidate))
            {
                return candidate;
            }
        }

        return null;
    }

    /// <summary>A block that the node can do without: nobody has an address of it, and the others have enough. Null: there is none.</summary>
    internal static IpPrefix? Spare(ClusterView view, World world, string network, IpPrefix range, string node)
    {
        IpPrefix[] own = [.. Of(view, network, node).Where(range.Contains)];
        return own.Reverse().Where(block => !IsUsed(world, block) && own.Length > 1 && Free([.. own.Where(other => other != block)], world) >= FewestLeft)
            .FirstOrDefault();
    }

    /// <summary>Whether an endpoint of this host or a network's gateway has an address of it.</summary>
    internal static bool IsUsed(World world, IpPrefix block) =>
        world.Endpoints.Values.SelectMany(endpoint => endpoint.Addresses).Any(block.Contains)
        || world.Networks.Values.SelectMany(known => known.Subnets).Any(subnet => subnet.Gateway is { } gateway && block.Contains(gateway));

    /// <summary>A node's blocks of a network.</summary>
    internal static IEnumerable<IpPrefix> Of(ClusterView view, string network, string node) =>
        view.Blocks.Values.Where(block => block.Network == network && block.Node == node).Select(block => block.Block).Order();

    private static UInt128 Free(IPAddress[] taken, IpPrefix block) => (UInt128.One << (block.AddressBits - block.Length)) - (UInt128)taken.Count(block.Contains);

    private static UInt128 Free(IpPrefix[] blocks, World world)
    {
        IPAddress[] taken = [.. world.Endpoints.Values.SelectMany(endpoint => endpoint.Addresses)];
        return blocks.Aggregate((UInt128)0, (sum, block) => sum + Free(taken, block));
    }

    private static uint StableHash(string text) => text.Aggregate(2166136261u, (hash, letter) => (hash ^ letter) * 16777619u);
}
