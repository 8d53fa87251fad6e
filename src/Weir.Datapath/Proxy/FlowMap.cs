// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>A table of flows, read by the names of its fields: the agent that made it may be of another version.</summary>
internal sealed class FlowMap : IDisposable
{
    private static readonly Lazy<(TypeLayout Key, TypeLayout Entry, TypeLayout Settings)> _own = new(() =>
    {
        BtfReader types = BtfReader.FromElf(DatapathObject.AbiImage);
        TypeLayout Of(string name) => TypeLayout.Of(types, types.Find(BtfKind.Struct, name)!.Id);
        return (Of("ct_key"), Of("ct_entry"), Of("settings"));
    });

    private readonly BpfMap _map;
    private readonly FieldMoves _keys;
    private readonly FieldMoves _entries;

    /// <summary>Takes ownership of the map.</summary>
    /// <exception cref="DatapathException">It does not say where its fields are, and is not of this version.</exception>
    internal FlowMap(BpfMap map)
    {
        _map = map;
        MapLayout layout = LayoutOf(map, new MapLayout(_own.Value.Key, _own.Value.Entry));
        _keys = new FieldMoves(_own.Value.Key, layout.Key);
        _entries = new FieldMoves(layout.Value, _own.Value.Entry);
    }

    internal uint Id => _map.Id;

    /// <summary>Where the settings have the revision.</summary>
    internal static int RevisionIn(BpfMap settings) =>
        LayoutOf(settings, new MapLayout(new TypeLayout(sizeof(uint), []), _own.Value.Settings)).Value.Find("revision")?.Offset
        ?? throw new DatapathException("the agent that runs is of a version whose settings have no revision");

    internal bool TryGet(in CtKey key, out CtEntry entry)
    {
        Span<byte> wanted = stackalloc byte[(int)_map.Spec.KeySize];
        Span<byte> found = stackalloc byte[(int)_map.Spec.ValueSize];
        entry = default;
        _keys.TryMove(MemoryMarshal.AsBytes(new ReadOnlySpan<CtKey>(in key)), wanted);
        if (!_map.TryLookup(wanted, found))
        {
            return false;
        }

        _entries.TryMove(found, MemoryMarshal.AsBytes(new Span<CtEntry>(ref entry)));
        return true;
    }

    public void Dispose() => _map.Dispose();

    private static MapLayout LayoutOf(BpfMap map, MapLayout own) =>
        map.TypesId is > 0 and var id && MapLayout.Of(LoadedTypes.Read(id), map.Spec) is { } layout ? layout
        : map.Spec.KeySize == own.Key.Size && map.Spec.ValueSize == own.Value.Size ? own
        : throw new DatapathException($"map {map.Name} was made by a version that did not say where its fields are");
}
