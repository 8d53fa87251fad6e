// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Weir.Net;

/// <summary>A 16-bit number kept in network order, as the kernel's __be16; converts from and to host order.</summary>
public readonly struct BigEndianUInt16 : IEquatable<BigEndianUInt16>
{
    private readonly ushort _networkOrder;

    private BigEndianUInt16(ushort networkOrder) => _networkOrder = networkOrder;

    /// <summary>The number in host order.</summary>
    public ushort Value => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(_networkOrder) : _networkOrder;

    /// <summary>The bits as they lie in memory.</summary>
    public ushort NetworkOrder => _networkOrder;

    /// <summary>From a number in host order.</summary>
    public static BigEndianUInt16 FromHost(ushort value) =>
        new(BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    /// <summary>From bits that are in network order already.</summary>
    public static BigEndianUInt16 FromNetworkOrder(ushort value) => new(value);

    public static implicit operator BigEndianUInt16(ushort value) => FromHost(value);

    public static implicit operator ushort(BigEndianUInt16 value) => value.Value;

    /// <summary>From a number in host order; the same as <see cref="FromHost"/>.</summary>
    public static BigEndianUInt16 ToBigEndianUInt16(ushort value) => FromHost(value);

    /// <summary>The number in host order; the same as <see cref="Value"/>.</summary>
    public ushort ToUInt16() => Value;

    public static bool operator ==(BigEndianUInt16 left, BigEndianUInt16 right) => left.Equals(right);

    public static bool operator !=(BigEndianUInt16 left, BigEndianUInt16 right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(BigEndianUInt16 other) => _networkOrder == other._networkOrder;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BigEndianUInt16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _networkOrder.GetHashCode();

    /// <summary>The number in host order, decimal.</summary>
    public override string ToString() => Value.ToString();
}
