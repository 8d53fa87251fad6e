// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Bpf.Btf;

namespace Weir.Datapath;

/// <summary>The layouts of maps, those that are wanted and those that are there: many have their types from one object, which is
/// read once.</summary>
/// <param name="own">The types of the object that declares the maps that are wanted.</param>
internal sealed class MapTypesRead(BtfReader own)
{
    private readonly Dictionary<uint, BtfReader> _read = [];

    /// <summary>Of one that is to be made.</summary>
    internal MapLayout? LayoutOf(BpfMapSpec wanted) => MapLayout.Of(own, wanted);

    /// <summary>Of one that is there; null: it does not say.</summary>
    internal MapLayout? LayoutOf(BpfMap map)
    {
        if (map.TypesId is not (> 0 and var id))
        {
            return null;
        }

        if (!_read.TryGetValue(id, out BtfReader? types))
        {
            types = LoadedTypes.Read(id);
            _read.Add(id, types);
        }

        return MapLayout.Of(types, map.Spec);
    }

    /// <summary>Whether a map serves as the one that is wanted, but for its size.</summary>
    internal bool IsSame(BpfMap map, BpfMapSpec wanted) =>
        (wanted with { MaxEntries = map.Spec.MaxEntries }).DifferencesFrom(map.Spec).Count == 0
        && Equals(LayoutOf(map), LayoutOf(wanted));

    /// <summary>What keeps the entries of a map from being those of the one that is wanted.</summary>
    internal IReadOnlyList<string> WhyNot(BpfMap map, BpfMapSpec wanted)
    {
        // What has no types is of a version before there were any, and has the layout of that time if it has the size.
        bool saysFields = LayoutOf(map) is not null && LayoutOf(wanted) is not null;
        BpfMapSpec like = wanted with
        {
            Type = AreAlike(map.Spec.Type, wanted.Type) ? map.Spec.Type : wanted.Type,
            KeySize = saysFields ? map.Spec.KeySize : wanted.KeySize,
            ValueSize = saysFields ? map.Spec.ValueSize : wanted.ValueSize,
            MaxEntries = map.Spec.MaxEntries,
            Flags = map.Spec.Flags,
        };
        return like.DifferencesFrom(map.Spec);
    }

    private static bool AreAlike(BpfMapType one, BpfMapType other) =>
        one == other || (one is BpfMapType.Hash or BpfMapType.LruHash && other is BpfMapType.Hash or BpfMapType.LruHash);
}
