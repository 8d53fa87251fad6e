// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weir.Datapath.Abi;

/// <summary>Conversions, and equality by content.</summary>
public partial struct IpAddr : IEquatable<IpAddr>
{
    public readonly bool IsIPv4 => (Word[0].NetworkOrder | Word[1].NetworkOrder) == 0 && Word[2] == 0xffffu;

    /// <summary>The address as the datapath holds it: IPv4 becomes ::ffff:a.b.c.d.</summary>
    public static IpAddr From(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        IpAddr result = default;
        IPAddress wide = address.AddressFamily == AddressFamily.InterNetwork ? address.MapToIPv6() : address;
        wide.TryWriteBytes(MemoryMarshal.AsBytes(new Span<IpAddr>(ref result)), out _);
        return result;
    }

    /// <summary>The address; a mapped one becomes IPv4.</summary>
    public readonly IPAddress ToIPAddress()
    {
        var address = new IPAddress(MemoryMarshal.AsBytes(new ReadOnlySpan<IpAddr>(in this)));
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    public static bool operator ==(IpAddr left, IpAddr right) => left.Equals(right);

    public static bool operator !=(IpAddr left, IpAddr right) => !left.Equals(right);

    public readonly bool Equals(IpAddr other) => Unsafe.BitCast<IpAddr, UInt128>(this) == Unsafe.BitCast<IpAddr, UInt128>(other);

    public override readonly bool Equals(object? obj) => obj is IpAddr other && Equals(other);

    public override readonly int GetHashCode() => Unsafe.BitCast<IpAddr, UInt128>(this).GetHashCode();

    public override readonly string ToString() => ToIPAddress().ToString();
}
