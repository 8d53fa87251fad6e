// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;

namespace Weir.Datapath;

/// <summary>Entries of a map as another layout has them.</summary>
internal sealed class MapConversion
{
    private readonly FieldMoves? _keys;
    private readonly FieldMoves? _values;
    private readonly bool _isTrie;
    private readonly int _fromStride;
    private readonly int _toStride;
    private readonly int _copies;

    /// <param name="from">Null: it has no types, and has the other's layout.</param>
    internal MapConversion(BpfMap before, MapLayout? from, BpfMap now, MapLayout? to)
    {
        _copies = before.UserValueSize == (int)before.Spec.ValueSize ? 1 : PossibleCpus.Count;
        _fromStride = before.UserValueSize / _copies;
        _toStride = now.UserValueSize / _copies;
        _isTrie = before.Spec.Type == BpfMapType.LongestPrefixTrie;
        if (from is not null && to is not null)
        {
            _keys = new FieldMoves(from.Key, to.Key);
            _values = new FieldMoves(from.Value, to.Value);
        }
    }

    /// <summary>False: a number of it is too large for its new place.</summary>
    internal bool TryConvert(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Span<byte> newKey, Span<byte> newValue)
    {
        if (_keys is null || _values is null)
        {
            key.CopyTo(newKey);
            value.CopyTo(newValue);
            return true;
        }

        bool fits = _keys.TryMove(key, newKey);
        if (_isTrie && !_keys.AreNone)
        {
            MemoryMarshal.Write(newKey, (uint)_keys.MovePrefix(MemoryMarshal.Read<int>(key)));
        }

        for (int copy = 0; copy < _copies; copy++)
        {
            fits &= _values.TryMove(value.Slice(copy * _fromStride, _fromStride), newValue.Slice(copy * _toStride, _toStride));
        }

        return fits;
    }
}
