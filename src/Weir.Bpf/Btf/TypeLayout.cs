// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf.Btf;

/// <summary>Where the fields of a type are. Padding ("_pad…") is no field.</summary>
/// <param name="Size">Bytes of all.</param>
/// <param name="Fields">By their places.</param>
public sealed record TypeLayout(int Size, IReadOnlyList<MapField> Fields)
{
    private const string Padding = "_pad";

    public static TypeLayout Of(BtfReader types, int id)
    {
        ArgumentNullException.ThrowIfNull(types);
        List<MapField> fields = [];
        Add(types, id, "", 0, fields);
        return new TypeLayout((int)types.SizeOf(id), fields);
    }

    /// <summary>Null: there is none of that name.</summary>
    public MapField? Find(string path) => Fields.Where(field => field.Path == path).Cast<MapField?>().FirstOrDefault();

    public bool Equals(TypeLayout? other) => other is not null && Size == other.Size && Fields.SequenceEqual(other.Fields);

    public override int GetHashCode() => HashCode.Combine(Size, Fields.Count);

    private static void Add(BtfReader types, int id, string path, int offset, List<MapField> fields)
    {
        BtfType type = types.Resolve(id);
        switch (type.Kind)
        {
            case BtfKind.Struct:
                foreach (BtfMember member in type.Members.Where(member => !member.Name.StartsWith(Padding, StringComparison.Ordinal)))
                {
                    Add(types, member.TypeId, path.Length == 0 || member.Name.Length == 0 ? path + member.Name : $"{path}.{member.Name}", offset + (int)member.Value, fields);
                }

                break;
            case BtfKind.Array when types.Resolve(type.Members[0].TypeId).Kind is BtfKind.Struct or BtfKind.Array:
                for (int i = 0; i < type.Members[0].Value; i++)
                {
                    Add(types, type.Members[0].TypeId, $"{path}[{i}]", offset + (i * (int)types.SizeOf(type.Members[0].TypeId)), fields);
                }

                break;
            case BtfKind.Array:
                fields.Add(new MapField(path, offset, (int)types.SizeOf(type.Members[0].TypeId), (int)type.Members[0].Value, IsBigEndian(types, type.Members[0].TypeId)));
                break;
            case BtfKind.Union: // which of its members is meant, no type says: it is moved as it is
                fields.Add(new MapField(path, offset, 1, (int)types.SizeOf(id), false));
                break;
            default:
                fields.Add(new MapField(path, offset, (int)types.SizeOf(id), 1, IsBigEndian(types, id)));
                break;
        }
    }

    /// <summary>__be16, __be32 and __be64 (linux/types.h).</summary>
    private static bool IsBigEndian(BtfReader types, int id)
    {
        BtfType type = types.Types[id];
        return type.Kind is BtfKind.Typedef or BtfKind.Const or BtfKind.Volatile
            && ((type.Kind == BtfKind.Typedef && type.Name.StartsWith("__be", StringComparison.Ordinal)) || IsBigEndian(types, (int)type.SizeOrType));
    }
}
