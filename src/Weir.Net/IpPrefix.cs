// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Weir.Net;

/// <summary>
/// An address and a prefix length in bits (0–32 or 0–128). Bits beyond the prefix are kept, so that
/// "10.0.0.1/24" can be the address of an interface; <see cref="Masked"/> clears them.
/// </summary>
public sealed record IpPrefix : IComparable<IpPrefix>
{
    private const int Ipv6Bytes = 16;

    /// <exception cref="ArgumentOutOfRangeException">The length does not fit the family.</exception>
    public IpPrefix(IPAddress address, int length)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, BitsOf(address));
        Address = address;
        Length = length;
    }

    /// <summary>The address as written, host bits included.</summary>
    public IPAddress Address { get; }

    /// <summary>Number of leading bits that count.</summary>
    public int Length { get; }

    /// <summary>Whether the family is IPv6.</summary>
    public bool IsIpv6 => Address.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>32 or 128.</summary>
    public int AddressBits => BitsOf(Address);

    /// <summary>Whether it holds exactly one address.</summary>
    public bool IsSingleAddress => Length == AddressBits;

    /// <summary>The same prefix with the bits beyond its length cleared.</summary>
    public IpPrefix Masked
    {
        get
        {
            Span<byte> bytes = stackalloc byte[Ipv6Bytes];
            Address.TryWriteBytes(bytes, out var written);
            bytes = bytes[..written];
            for (var i = 0; i < bytes.Length; i++)
            {
                var bits = Math.Clamp(Length - (i * 8), 0, 8);
                bytes[i] &= (byte)(0xff << (8 - bits));
            }

            return new IpPrefix(new IPAddress(bytes), Length);
        }
    }

    /// <summary>The prefix that holds this one address.</summary>
    public static IpPrefix Single(IPAddress address) => new(address, BitsOf(address));

    /// <summary>Reads "address/length"; a bare address is the prefix of that one address.</summary>
    /// <exception cref="FormatException">The text is neither.</exception>
    public static IpPrefix Parse(string text) =>
        TryParse(text, out var prefix)
            ? prefix
            : throw new FormatException($"\"{text}\" is not an address prefix; write for example 10.0.0.0/8 or fd00::/8");

    /// <summary>As <see cref="Parse"/>, without an exception. IPv4 wants four decimal numbers; zones are refused.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out IpPrefix? prefix)
    {
        prefix = null;
        if (text is null)
        {
            return false;
        }

        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var addressText = slash < 0 ? text : text[..slash];
        if (!TryParseAddress(addressText, out var address))
        {
            return false;
        }

        var length = BitsOf(address);
        if (slash >= 0)
        {
            var lengthText = text.AsSpan(slash + 1);
            if (lengthText.Length is 0 or > 3
                || (lengthText.Length > 1 && lengthText[0] == '0')
                || !int.TryParse(lengthText, NumberStyles.None, null, out var written)
                || written > length)
            {
                return false;
            }

            length = written;
        }

        prefix = new IpPrefix(address, length);
        return true;
    }

    /// <summary>Whether the address is inside. Addresses of the other family never are.</summary>
    public bool Contains(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.AddressFamily == Address.AddressFamily && SameLeadingBits(Address, address, Length);
    }

    /// <summary>Whether every address of the other prefix is inside this one.</summary>
    public bool Contains(IpPrefix other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other.Length >= Length && Contains(other.Address);
    }

    /// <summary>Whether the two share an address.</summary>
    public bool Overlaps(IpPrefix other) => Contains(other) || other.Contains(this);

    /// <inheritdoc/>
    public int CompareTo(IpPrefix? other)
    {
        if (other is null)
        {
            return 1;
        }

        var order = Compare(Address, other.Address);
        return order != 0 ? order : Length.CompareTo(other.Length);
    }

    /// <summary>IPv4 before IPv6, then by their bytes.</summary>
    public static int Compare(IPAddress left, IPAddress right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        var families = BitsOf(left).CompareTo(BitsOf(right));
        if (families != 0)
        {
            return families;
        }

        Span<byte> a = stackalloc byte[Ipv6Bytes];
        Span<byte> b = stackalloc byte[Ipv6Bytes];
        left.TryWriteBytes(a, out var written);
        right.TryWriteBytes(b, out _);
        return a[..written].SequenceCompareTo(b[..written]);
    }

    public static bool operator <(IpPrefix left, IpPrefix right) => left.CompareTo(right) < 0;

    public static bool operator >(IpPrefix left, IpPrefix right) => left.CompareTo(right) > 0;

    public static bool operator <=(IpPrefix left, IpPrefix right) => left.CompareTo(right) <= 0;

    public static bool operator >=(IpPrefix left, IpPrefix right) => left.CompareTo(right) >= 0;

    /// <summary>"10.0.0.0/8".</summary>
    public override string ToString() => $"{Address}/{Length}";

    /// <summary>Apart into its two members.</summary>
    public void Deconstruct(out IPAddress address, out int length)
    {
        address = Address;
        length = Length;
    }

    private static bool TryParseAddress(string text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        if (text.Contains('%', StringComparison.Ordinal) || text.Contains('[', StringComparison.Ordinal)
            || !IPAddress.TryParse(text, out var parsed))
        {
            return false;
        }

        // "10.1" and "0x0a.0.0.1" are addresses to inet_aton only: people who write them mean something else.
        if (parsed.AddressFamily == AddressFamily.InterNetwork && parsed.ToString() != text)
        {
            return false;
        }

        address = parsed;
        return true;
    }

    private static int BitsOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32;

    private static bool SameLeadingBits(IPAddress left, IPAddress right, int length)
    {
        Span<byte> a = stackalloc byte[Ipv6Bytes];
        Span<byte> b = stackalloc byte[Ipv6Bytes];
        left.TryWriteBytes(a, out _);
        right.TryWriteBytes(b, out _);
        var whole = length / 8;
        if (!a[..whole].SequenceEqual(b[..whole]))
        {
            return false;
        }

        var rest = length % 8;
        return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
    }
}
