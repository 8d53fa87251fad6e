// SPDX-License-Identifier: Apache-2.0
using System.Numerics;

namespace Weir.Http.Http2;

/// <summary>
/// A dynamic table (RFC 7541 §2.3.2). Its texts lie one behind the other in one array that grows as they do: a
/// peer that fills many tables takes what it filled, not a multiple of it.
/// </summary>
internal sealed class HpackTable(int limit)
{
    private const int EntryOverhead = 32; // §4.1
    private const int FirstBytes = 256;
    private const int FirstEntries = 8;
    private byte[] _bytes = [];
    private Entry[] _entries = []; // a ring, the oldest at _first
    private int _first;
    private int _count;
    private int _start; // of the oldest entry's bytes
    private int _end;
    private int _size;
    private int _limit = limit;

    public int Count => _count;

    /// <summary>Grows with every change.</summary>
    public long Version { get; private set; }

    /// <summary>Bytes of memory.</summary>
    public int Memory => _bytes.Length + (_entries.Length * 12);

    /// <summary>What it may hold, by its peer's last word.</summary>
    public int Limit
    {
        get => _limit;
        set
        {
            _limit = value;
            Version++;
            MakeRoom(0);
        }
    }

    public ReadOnlySpan<byte> Name(int index) => Find(index) is var entry ? _bytes.AsSpan(entry.Start, entry.Name) : default;

    public ReadOnlySpan<byte> Value(int index) => Find(index) is var entry ? _bytes.AsSpan(entry.Start + entry.Name, entry.Value) : default;

    /// <summary>The static entry that has this one's name, or 0.</summary>
    public byte StaticName(int index) => Find(index).StaticName;

    /// <summary>Adds an entry, for which older ones go; one that is larger than the table leaves it empty (§4.4).</summary>
    /// <param name="name">May be a name of this table.</param>
    public void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, byte staticName)
    {
        Version++;
        var length = name.Length + value.Length;
        if (length + EntryOverhead > _limit)
        {
            MakeRoom(_limit);
            return;
        }

        // The name may be that of an entry that goes: its bytes stay where they are.
        MakeRoom(length + EntryOverhead);
        if (_end + length > _bytes.Length)
        {
            Move(length, mayReuse: !name.Overlaps(_bytes));
        }

        name.CopyTo(_bytes.AsSpan(_end));
        value.CopyTo(_bytes.AsSpan(_end + name.Length));
        if (_count == _entries.Length)
        {
            Grow();
        }

        _entries[(_first + _count) % _entries.Length] = new Entry(_end, (ushort)name.Length, (ushort)value.Length, staticName);
        _count++;
        _end += length;
        _size += length + EntryOverhead;
    }

    private Entry Find(int index) => _entries[(_first + _count - 1 - index) % _entries.Length];

    private void MakeRoom(int room)
    {
        while (_count > 0 && _size + room > _limit)
        {
            var oldest = _entries[_first];
            _size -= oldest.Name + oldest.Value + EntryOverhead;
            _start = oldest.Start + oldest.Name + oldest.Value;
            _first = (_first + 1) % _entries.Length;
            _count--;
        }

        if (_count == 0)
        {
            _start = _end;
        }
    }

    /// <summary>To the beginning, of a larger array if less than half of this one would be free.</summary>
    private void Move(int room, bool mayReuse)
    {
        var kept = _end - _start;
        var needed = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(FirstBytes, kept + room + (kept / 2)));
        var larger = mayReuse && needed <= _bytes.Length ? _bytes : new byte[needed];
        _bytes.AsSpan(_start, kept).CopyTo(larger);
        for (var i = 0; i < _count; i++)
        {
            ref var entry = ref _entries[(_first + i) % _entries.Length];
            entry = entry with { Start = entry.Start - _start };
        }

        _bytes = larger;
        (_start, _end) = (0, kept);
    }

    private void Grow()
    {
        var larger = new Entry[Math.Max(FirstEntries, _entries.Length * 2)];
        for (var i = 0; i < _count; i++)
        {
            larger[i] = _entries[(_first + i) % _entries.Length];
        }

        _entries = larger;
        _first = 0;
    }

    private readonly record struct Entry(int Start, ushort Name, ushort Value, byte StaticName);
}
