// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf.Btf;

/// <summary>Where the fields of a map's keys and values are.</summary>
public sealed record MapLayout(TypeLayout Key, TypeLayout Value)
{
    /// <returns>Null: the map has no types.</returns>
    public static MapLayout? Of(BtfReader? types, BpfMapSpec map)
    {
        ArgumentNullException.ThrowIfNull(map);
        return types is not null && map.CanHaveTypes ? new MapLayout(TypeLayout.Of(types, map.Types.Key), TypeLayout.Of(types, map.Types.Value)) : null;
    }
}
