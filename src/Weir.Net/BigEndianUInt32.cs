// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Weir.Net;

/// <summary>A 32-bit number kept in network order, as the kernel's __be32; converts from and to host order.</summary>
public readonly struct BigEndianUInt32 : IEquatable<BigEndianUInt32>
{
    private readonly uint _networkOrder;

    private BigEndianUInt32(uint networkOrder) => _networkOrder = networkOrder;

    /// <summary>The number in host order.</summary>
    public uint Value => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(_networkOrder) : _networkOrder;

    /// <summary>The bits as they lie in memory.</summary>
    public uint NetworkOrder => _networkOrder;

    /// <summary>From a number in host order.</summary>
    public static BigEndianUInt32 FromHost(uint value) =>
        new(BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    /// <summary>From bits that are in network order already.</summary>
    public static BigEndianUInt32 FromNetworkOrder(uint value) => new(value);

    public static implicit operator BigEndianUInt32(uint value) => FromHost(value);

    public static implicit operator uint(BigEndianUInt32 value) => value.Value;

    /// <summary>From a number in host order; the same as <see cref="FromHost"/>.</summary>
    public static BigEndianUInt32 ToBigEndianUInt32(uint value) => FromHost(value);

    /// <summary>The number in host order; the same as <see cref="Value"/>.</summary>
    public uint ToUInt32() => Value;

    public static bool operator ==(BigEndianUInt32 left, BigEndianUInt32 right) => left.Equals(right);

    public static bool operator !=(BigEndianUInt32 left, BigEndianUInt32 right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(BigEndianUInt32 other) => _networkOrder == other._networkOrder;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BigEndianUInt32 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _networkOrder.GetHashCode();

    /// <summary>The number in host order, decimal.</summary>
    public override string ToString() => Value.ToString();
}
