// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Net;
using Weir.Net;

namespace Weir.Control.Addresses;

/// <summary>Addresses as numbers.</summary>
internal static class AddressMath
{
    /// <summary>Beyond the last address it begins again at 0.</summary>
    internal static IPAddress Add(IPAddress address, UInt128 offset)
    {
        byte[] bytes = address.GetAddressBytes();
        if (bytes.Length == 4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)((UInt128)BinaryPrimitives.ReadUInt32BigEndian(bytes) + offset));
        }
        else
        {
            BinaryPrimitives.WriteUInt128BigEndian(bytes, BinaryPrimitives.ReadUInt128BigEndian(bytes) + offset);
        }

        return new IPAddress(bytes);
    }

    /// <summary>How far the second is behind the first, of the same family.</summary>
    internal static UInt128 Distance(IPAddress first, IPAddress second) => Number(second) - Number(first);

    /// <summary>The last address of a range.</summary>
    internal static IPAddress Last(IpPrefix prefix)
    {
        int bits = prefix.AddressBits - prefix.Length;
        return Add(prefix.Masked.Address, bits >= 128 ? UInt128.MaxValue : (UInt128.One << bits) - 1);
    }

    /// <summary>Addresses that a container can have: not the first (the network itself, or its routers'
    /// anycast address) and, in IPv4, not the last (broadcast).</summary>
    internal static UInt128 Usable(IpPrefix prefix)
    {
        int bits = prefix.AddressBits - prefix.Length;
        UInt128 all = bits >= 127 ? UInt128.MaxValue : UInt128.One << bits;
        return prefix.IsIpv6 ? all - 1 : all - 2;
    }

    private static UInt128 Number(IPAddress address)
    {
        byte[] bytes = address.GetAddressBytes();
        return bytes.Length == 4 ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}
