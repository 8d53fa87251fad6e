// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;

namespace Weir.Proxy;

/// <summary>The streams of a connection: those that are not over, and what must be known of the others.</summary>
internal sealed class Http2Streams
{
    /// <summary>Streams that are not over; clients are told.</summary>
    public const int Most = 256;

    private readonly Dictionary<uint, Http2Stream> _open = [];
    private uint[] _resets = []; // a ring of the last ones that were reset; the lowest bit: by the client
    private int _nextReset;
    private uint _beforeLast;

    /// <summary>The highest number that the client has used.</summary>
    public uint Last { get; private set; }

    public int Count => _open.Count;

    /// <summary>Bytes of memory, about.</summary>
    public int Memory => (_open.Count * Http2Stream.Memory) + (_resets.Length * sizeof(uint));

    public Http2StreamState StateOf(uint id, out Http2Stream? stream)
    {
        if (_open.TryGetValue(id, out stream))
        {
            return Http2StreamState.Open;
        }

        if (id > Last || (id & 1) == 0)
        {
            return Http2StreamState.Idle;
        }

        return id > _beforeLast && id < Last ? Http2StreamState.Skipped
            : _resets.AsSpan().Contains(id << 1) ? Http2StreamState.ResetToClient
            : _resets.AsSpan().Contains((id << 1) | 1) ? Http2StreamState.ResetByClient
            : Http2StreamState.Ended;
    }

    public bool TryGet(uint id, [MaybeNullWhen(false)] out Http2Stream stream) => _open.TryGetValue(id, out stream);

    /// <summary>The client uses a number for the first time.</summary>
    public void Use(uint id)
    {
        _beforeLast = Last;
        Last = id;
    }

    public void Add(uint id, Http2Stream stream) => _open.Add(id, stream);

    /// <summary>Both sides have ended it.</summary>
    public void End(uint id) => _open.Remove(id);

    /// <summary>One side has reset it.</summary>
    public void Reset(uint id, bool byClient)
    {
        _open.Remove(id);
        if (_nextReset == _resets.Length && _resets.Length < Most)
        {
            Array.Resize(ref _resets, Math.Max(8, _resets.Length * 2));
        }

        _nextReset = _nextReset == _resets.Length ? 0 : _nextReset;
        _resets[_nextReset++] = (id << 1) | (byClient ? 1u : 0u);
    }

    /// <summary>All that are not over, which they are now.</summary>
    public IReadOnlyList<KeyValuePair<uint, Http2Stream>> TakeAll()
    {
        KeyValuePair<uint, Http2Stream>[] all = [.. _open];
        _open.Clear();
        return all;
    }
}
