// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http2;

/// <summary>
/// The last header block of a direction, if it changed nothing in its table: while the table is as it was, the same
/// bytes mean the same headers. Peers that ask for one thing again and again send the same few bytes each time.
/// </summary>
public struct KnownBlock
{
    /// <summary>Bytes of a block that is kept; whoever repeats himself needs fewer.</summary>
    public const int Most = 256;

    private byte[]? _bytes;
    private int _length;
    private long _version;

    public readonly bool IsKept => _length > 0;

    /// <summary>Bytes of memory.</summary>
    public readonly int Memory => _bytes?.Length ?? 0;

    /// <summary>Whether it is that block, and means now what it meant then.</summary>
    /// <param name="version">Of the decoder, now.</param>
    public readonly bool Is(ReadOnlySpan<byte> block, long version) =>
        _length > 0 && version == _version && block.SequenceEqual(_bytes.AsSpan(0, _length));

    /// <summary>Keeps a block in place of the one before.</summary>
    /// <param name="before">The decoder's version before it was decoded.</param>
    /// <param name="version">Likewise behind it.</param>
    /// <remarks>None is kept if it is too long, or changed the table.</remarks>
    public void Keep(ReadOnlySpan<byte> block, long before, long version)
    {
        _length = 0;
        if (before != version || block.Length > Most)
        {
            return;
        }

        if (_bytes is null || _bytes.Length < block.Length)
        {
            _bytes = new byte[block.Length];
        }

        block.CopyTo(_bytes);
        _length = block.Length;
        _version = version;
    }
}
