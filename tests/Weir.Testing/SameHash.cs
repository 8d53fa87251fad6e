// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;

namespace Weir.Testing;

/// <summary>Addresses of IPv6 that the buckets of services (bpf/lib/bucket.h) cannot tell apart by their hash, which sums up a
/// multiple of the first half and the second: what one has more the other has less.</summary>
public static class SameHash
{
    private const ulong Spread = 0x9e3779b97f4a7c15;

    /// <summary>That address first.</summary>
    public static IEnumerable<IPAddress> Of(IPAddress first, int count)
    {
        ArgumentNullException.ThrowIfNull(first);
        byte[] bytes = first.GetAddressBytes();
        ulong high = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        ulong low = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8));
        for (ulong i = 0; i < (ulong)count; i++)
        {
            ulong more = i << 48; // in the last bytes of the first half
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, high + more);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), low - (more * Spread));
            yield return new IPAddress(bytes);
        }
    }
}
