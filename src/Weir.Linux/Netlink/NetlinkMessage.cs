// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Weir.Linux.Netlink;

/// <summary>A request being written: header, fixed part, attributes, each aligned to 4 bytes.</summary>
internal sealed class NetlinkMessage
{
    internal const int HeaderSize = 16;
    private const ushort NestedFlag = 0x8000;

    private readonly byte[] _buffer = new byte[2048];
    private int _length = HeaderSize;

    internal NetlinkMessage(ushort type, ushort flags)
    {
        Type = type;
        Flags = (ushort)(flags | NetlinkFlags.Request);
    }

    internal ushort Type { get; }

    internal ushort Flags { get; }

    internal NetlinkMessage Fixed<T>(T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(Reserve(Unsafe.SizeOf<T>()), value);
        return this;
    }

    internal NetlinkMessage Bytes(ushort attribute, ReadOnlySpan<byte> value)
    {
        Span<byte> target = Reserve(4 + value.Length);
        MemoryMarshal.Write(target, (ushort)(4 + value.Length));
        MemoryMarshal.Write(target[2..], attribute);
        value.CopyTo(target[4..]);
        return this;
    }

    internal NetlinkMessage UInt32(ushort attribute, uint value) => Bytes(attribute, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)));

    /// <summary>A number as netfilter takes it.</summary>
    internal NetlinkMessage BigEndian(ushort attribute, uint value) => UInt32(attribute, BinaryPrimitives.ReverseEndianness(value));

    internal NetlinkMessage Text(ushort attribute, string value) => Bytes(attribute, Encoding.UTF8.GetBytes(value + "\0"));

    /// <summary>Opens an attribute that holds attributes; pass the result to <see cref="End"/>.</summary>
    internal int Begin(ushort attribute)
    {
        int start = _length;
        Bytes((ushort)(attribute | NestedFlag), []);
        return start;
    }

    internal void End(int start) => MemoryMarshal.Write(_buffer.AsSpan(start), (ushort)(_length - start));

    /// <summary>The whole message, ready to be sent.</summary>
    internal Span<byte> Complete(uint sequence)
    {
        Span<byte> message = _buffer.AsSpan(0, _length);
        MemoryMarshal.Write(message, (uint)_length);
        MemoryMarshal.Write(message[4..], Type);
        MemoryMarshal.Write(message[6..], Flags);
        MemoryMarshal.Write(message[8..], sequence);
        return message;
    }

    private Span<byte> Reserve(int size)
    {
        Span<byte> target = _buffer.AsSpan(_length, size);
        _length += (size + 3) & ~3;
        return target;
    }
}
