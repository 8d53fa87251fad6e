// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Btf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>Compares what C and C# think of the structs they share.</summary>
public static class AbiCheck
{
    /// <summary>Every difference between the compiled objects and this program; empty: none.</summary>
    public static IReadOnlyList<string> Run() =>
    [
        .. Compare(BtfReader.FromElf(DatapathObject.AbiImage), AbiLayout.All(), mustHaveAll: true),
        .. Compare(BtfReader.FromElf(DatapathObject.EndpointImage), AbiLayout.All(), mustHaveAll: false),
    ];

    internal static IEnumerable<string> Compare(BtfReader types, IEnumerable<AbiStruct> structs, bool mustHaveAll)
    {
        foreach (AbiStruct known in structs)
        {
            BtfType? type = types.Find(BtfKind.Struct, known.Name);
            if (type is null)
            {
                if (mustHaveAll)
                {
                    yield return $"struct {known.Name} is not in the compiled ABI";
                }

                continue;
            }

            if (type.SizeOrType != known.Size)
            {
                yield return $"struct {known.Name} has {type.SizeOrType} bytes in C, {known.Size} in C#";
            }

            foreach (string difference in CompareFields(types, type, known))
            {
                yield return difference;
            }
        }
    }

    private static IEnumerable<string> CompareFields(BtfReader types, BtfType type, AbiStruct known)
    {
        foreach (BtfMember member in type.Members.Where(m => !m.Name.StartsWith("_pad", StringComparison.Ordinal)))
        {
            string name = $"{known.Name}.{member.Name}";
            AbiField? field = known.Fields.Where(f => f.Name == member.Name).Cast<AbiField?>().FirstOrDefault();
            if (field is null)
            {
                yield return $"{name} is missing in C#";
                continue;
            }

            if (field.Value.Offset != member.Value)
            {
                yield return $"{name} is at byte {member.Value} in C, {field.Value.Offset} in C#";
            }

            if (field.Value.Size != types.SizeOf(member.TypeId))
            {
                yield return $"{name} has {types.SizeOf(member.TypeId)} bytes in C, {field.Value.Size} in C#";
            }
        }

        foreach (AbiField field in known.Fields.Where(f => type.Members.All(m => m.Name != f.Name)))
        {
            yield return $"{known.Name}.{field.Name} is missing in C";
        }
    }
}
