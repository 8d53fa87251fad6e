// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http2;

/// <summary>Reads header blocks (RFC 7541). One for each direction of a connection, for its dynamic table.</summary>
public sealed class HpackDecoder
{
    /// <summary>Bytes of a dynamic table that are agreed on: what every peer may use before it knows anything.</summary>
    public const int MostTableBytes = 4096;

    private const int MostLiteral = HeaderList.MostBytes;
    private readonly HpackTable _table = new(MostTableBytes);

    /// <summary>The largest table that the peer may choose (§4.2).</summary>
    public int MostTable { get; set; } = MostTableBytes;

    /// <summary>Bytes of memory that its table takes.</summary>
    public int Memory => _table.Memory;

    /// <summary>Of its table: a block that changes nothing in it means the same as long as nothing else does.</summary>
    public long Version => _table.Version;

    /// <summary>Decodes a whole block.</summary>
    /// <returns>False: it is malformed, and the connection is lost (§4.3 of RFC 9113).</returns>
    public bool Decode(ReadOnlySpan<byte> block, HeaderList headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        headers.Clear();
        while (!block.IsEmpty && (block[0] & 0xE0) == 0x20)
        {
            if (!ReadTableSize(ref block))
            {
                return false;
            }
        }

        while (!block.IsEmpty)
        {
            var first = block[0];
            var isRead = (first & 0x80) != 0 ? ReadIndexed(ref block, headers)
                : (first & 0xC0) == 0x40 ? ReadLiteral(ref block, headers, 6, keep: true, isSecret: false)
                : (first & 0xE0) != 0x20 && ReadLiteral(ref block, headers, 4, keep: false, isSecret: (first & 0x10) != 0);
            if (!isRead)
            {
                return false; // among others a table's size behind a header (§4.2)
            }
        }

        return true;
    }

    private bool ReadIndexed(ref ReadOnlySpan<byte> block, HeaderList headers)
    {
        if (!TryReadNumber(ref block, 7, out var index) || index == 0 || index > HpackStaticTable.Count + _table.Count)
        {
            return false;
        }

        if (index <= HpackStaticTable.Count)
        {
            var (name, value) = HpackStaticTable.Entries[index - 1];
            headers.Add(name, value, isSecret: false, (byte)index);
            return true;
        }

        index -= HpackStaticTable.Count + 1;
        headers.Add(_table.Name(index), _table.Value(index), isSecret: false, _table.StaticName(index));
        return true;
    }

    private bool ReadLiteral(ref ReadOnlySpan<byte> block, HeaderList headers, int prefix, bool keep, bool isSecret)
    {
        if (!TryReadNumber(ref block, prefix, out var index) || index > HpackStaticTable.Count + _table.Count)
        {
            return false;
        }

        byte staticName = 0;
        ReadOnlySpan<byte> name;
        if (index == 0)
        {
            if (!TryReadText(ref block, headers.Scratch, out name))
            {
                return false;
            }
        }
        else if (index <= HpackStaticTable.Count)
        {
            name = HpackStaticTable.Entries[index - 1].Name;
            staticName = (byte)index;
        }
        else
        {
            name = _table.Name(index - HpackStaticTable.Count - 1);
            staticName = _table.StaticName(index - HpackStaticTable.Count - 1);
        }

        // Both may be in the scratch area.
        if (!TryReadText(ref block, headers.Scratch[(index == 0 ? name.Length : 0)..], out var value))
        {
            return false;
        }

        headers.Add(name, value, isSecret, staticName);
        if (keep)
        {
            _table.Add(name, value, staticName);
        }

        return true;
    }

    private bool ReadTableSize(ref ReadOnlySpan<byte> block)
    {
        if (!TryReadNumber(ref block, 5, out var size) || size > MostTable)
        {
            return false;
        }

        _table.Limit = size;
        return true;
    }

    /// <summary>§5.1.</summary>
    private static bool TryReadNumber(scoped ref ReadOnlySpan<byte> block, int prefix, out int number)
    {
        var mask = (1 << prefix) - 1;
        number = block[0] & mask;
        block = block[1..];
        if (number < mask)
        {
            return true;
        }

        for (var shift = 0; shift <= 21; shift += 7)
        {
            if (block.IsEmpty)
            {
                return false;
            }

            var value = block[0];
            block = block[1..];
            number += (value & 0x7F) << shift;
            if (value < 0x80)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>§5.2. What is returned is in the block or in the scratch area.</summary>
    private static bool TryReadText(scoped ref ReadOnlySpan<byte> block, Span<byte> scratch, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (block.IsEmpty)
        {
            return false;
        }

        var isHuffman = (block[0] & 0x80) != 0;
        if (!TryReadNumber(ref block, 7, out var length) || length > block.Length)
        {
            return false;
        }

        var raw = block[..length];
        block = block[length..];
        if (!isHuffman)
        {
            text = raw;
            return length <= MostLiteral;
        }

        var decoded = Huffman.Decode(raw, scratch);
        text = decoded < 0 ? default : scratch[..decoded];
        return decoded >= 0;
    }
}
