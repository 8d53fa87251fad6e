// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Http2;

/// <summary>Reads header blocks (RFC 7541). One for each direction of a connection, for its dynamic table.</summary>
public sealed class HpackDecoder
{
    /// <summary>Bytes of a dynamic table; larger ones must not be agreed on.</summary>
    public const int MostTableBytes = 16 * 1024;

    private const int EntryOverhead = 32; // §4.1
    private const int MostLiteral = HeaderList.MostBytes;
    private readonly List<(byte[] Name, byte[] Value)> _table = []; // the newest last
    private int _tableBytes;
    private int _tableLimit = 4096;

    /// <summary>Decodes a whole block.</summary>
    /// <returns>False: it is malformed, and the connection is lost (§4.3 of RFC 9113).</returns>
    public bool Decode(ReadOnlySpan<byte> block, HeaderList headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        headers.Clear();
        while (!block.IsEmpty)
        {
            var first = block[0];
            var isRead = (first & 0x80) != 0 ? ReadIndexed(ref block, headers)
                : (first & 0xC0) == 0x40 ? ReadLiteral(ref block, headers, 6, keep: true, isSecret: false)
                : (first & 0xE0) == 0x20 ? ReadTableSize(ref block)
                : ReadLiteral(ref block, headers, 4, keep: false, isSecret: (first & 0x10) != 0);
            if (!isRead)
            {
                return false;
            }
        }

        return true;
    }

    private bool ReadIndexed(ref ReadOnlySpan<byte> block, HeaderList headers)
    {
        if (!TryReadNumber(ref block, 7, out var index) || !TryFind(index, out var entry))
        {
            return false;
        }

        headers.Add(entry.Name, entry.Value);
        return true;
    }

    private bool ReadLiteral(ref ReadOnlySpan<byte> block, HeaderList headers, int prefix, bool keep, bool isSecret)
    {
        if (!TryReadNumber(ref block, prefix, out var index))
        {
            return false;
        }

        byte[]? name = null;
        if (index != 0)
        {
            if (!TryFind(index, out var entry))
            {
                return false;
            }

            name = entry.Name;
        }
        else if (!TryReadText(ref block, headers.Scratch, out var text))
        {
            return false;
        }
        else
        {
            name = text.ToArray();
        }

        if (!TryReadText(ref block, headers.Scratch, out var value))
        {
            return false;
        }

        headers.Add(name, value, isSecret);
        if (keep)
        {
            Keep(name, value.ToArray());
        }

        return true;
    }

    private bool ReadTableSize(ref ReadOnlySpan<byte> block)
    {
        if (!TryReadNumber(ref block, 5, out var size) || size > MostTableBytes)
        {
            return false;
        }

        _tableLimit = size;
        Evict(0);
        return true;
    }

    private void Keep(byte[] name, byte[] value)
    {
        var size = name.Length + value.Length + EntryOverhead;
        Evict(size);
        if (size <= _tableLimit)
        {
            _table.Add((name, value));
            _tableBytes += size;
        }
    }

    private void Evict(int room)
    {
        var gone = 0;
        while (gone < _table.Count && _tableBytes + room > _tableLimit)
        {
            _tableBytes -= _table[gone].Name.Length + _table[gone].Value.Length + EntryOverhead;
            gone++;
        }

        _table.RemoveRange(0, gone);
    }

    private bool TryFind(int index, out (byte[] Name, byte[] Value) entry)
    {
        entry = default;
        if (index <= 0 || index > HpackStaticTable.Entries.Count + _table.Count)
        {
            return false;
        }

        entry = index <= HpackStaticTable.Entries.Count ? HpackStaticTable.Entries[index - 1] : _table[^(index - HpackStaticTable.Entries.Count)];
        return true;
    }

    /// <summary>§5.1.</summary>
    private static bool TryReadNumber(ref ReadOnlySpan<byte> block, int prefix, out int number)
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

    /// <summary>§5.2. What is returned is valid until the next call.</summary>
    private static bool TryReadText(ref ReadOnlySpan<byte> block, Span<byte> scratch, out ReadOnlySpan<byte> text)
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
