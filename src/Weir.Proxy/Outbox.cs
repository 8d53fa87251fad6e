// SPDX-License-Identifier: Apache-2.0
using System.Buffers;

namespace Weir.Proxy;

/// <summary>Collects what one event has to say to one end, so that it goes out at once. A worker has one for each
/// side; it is empty between events.</summary>
internal sealed class Outbox : IBufferWriter<byte>
{
    private const int FirstBytes = 64 * 1024;
    private const int MostKept = 1024 * 1024;
    private byte[] _bytes = new byte[FirstBytes];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Append(ReadOnlySpan<byte> data)
    {
        data.CopyTo(GetSpan(data.Length));
        Length += data.Length;
    }

    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > MostKept)
        {
            _bytes = new byte[FirstBytes];
        }
    }

    /// <summary>Takes out what is behind the first bytes.</summary>
    public void Cut(int length) => Length = length;

    public void Advance(int count) => Length += count;

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        if (_bytes.Length - Length < sizeHint)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + sizeHint));
        }

        return _bytes.AsSpan(Length);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        GetSpan(sizeHint);
        return _bytes.AsMemory(Length);
    }
}
