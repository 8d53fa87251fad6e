// SPDX-License-Identifier: Apache-2.0
using System.Buffers;

namespace Weir.Proxy;

/// <summary>Bytes that wait; takes no memory while there are none. Whoever fills it sees to its size.</summary>
internal struct ByteQueue
{
    private byte[]? _array;
    private int _start;

    public int Length { get; private set; }

    /// <summary>Bytes of memory.</summary>
    public readonly int Memory => _array?.Length ?? 0;

    public readonly bool IsEmpty => Length == 0;

    public readonly ReadOnlySpan<byte> Span => _array.AsSpan(_start, Length);

    public void Append(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        if (_array is null || _array.Length - _start - Length < data.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Length + data.Length);
            Span.CopyTo(larger);
            Return();
            _array = larger;
            _start = 0;
        }

        data.CopyTo(_array.AsSpan(_start + Length));
        Length += data.Length;
    }

    public void RemoveFirst(int count)
    {
        _start += count;
        Length -= count;
        if (Length == 0)
        {
            Clear();
        }
    }

    public void Clear()
    {
        Return();
        _array = null;
        _start = 0;
        Length = 0;
    }

    private readonly void Return()
    {
        if (_array is not null)
        {
            ArrayPool<byte>.Shared.Return(_array);
        }
    }
}
