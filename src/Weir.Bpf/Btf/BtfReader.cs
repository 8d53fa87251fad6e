// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Text;

namespace Weir.Bpf.Btf;

/// <summary>The types of a compiled object, read from its .BTF section (Documentation/bpf/btf.rst).
/// Little endian, as every supported machine.</summary>
public sealed class BtfReader
{
    private readonly List<BtfType> _types = [new(0, BtfKind.Void, "void", 0, [])];

    private BtfReader(ReadOnlySpan<byte> section)
    {
        uint headerSize = U32(section, 4);
        ReadOnlySpan<byte> types = section.Slice((int)(headerSize + U32(section, 8)), (int)U32(section, 12));
        ReadOnlySpan<byte> strings = section.Slice((int)(headerSize + U32(section, 16)), (int)U32(section, 20));
        while (types.Length >= 12)
        {
            types = types[ReadType(types, strings)..];
        }
    }

    /// <summary>All types by number; the first is void.</summary>
    public IReadOnlyList<BtfType> Types => _types;

    /// <summary>Reads the types of an ELF object. Throws <see cref="InvalidDataException"/>.</summary>
    public static BtfReader FromElf(ReadOnlySpan<byte> image)
    {
        try
        {
            if (!image.StartsWith("\x7f\x45\x4c\x46\x02\x01"u8))
            {
                throw new InvalidDataException("not a little-endian ELF64 object");
            }

            return new BtfReader(FindSection(image, ".BTF"u8));
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new InvalidDataException("the object is cut short or damaged", e);
        }
    }

    /// <summary>Reads the types of a section, as the kernel gives it back. Throws <see cref="InvalidDataException"/>.</summary>
    public static BtfReader FromSection(ReadOnlySpan<byte> section)
    {
        try
        {
            return new BtfReader(section);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new InvalidDataException("the types are cut short or damaged", e);
        }
    }

    /// <summary>The type of that kind and name, or null.</summary>
    public BtfType? Find(BtfKind kind, string name) => _types.Find(t => t.Kind == kind && t.Name == name);

    /// <summary>Follows typedefs and qualifiers to the type itself.</summary>
    public BtfType Resolve(int id)
    {
        BtfType type = _types[id];
        return type.Kind is BtfKind.Typedef or BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict or BtfKind.TypeTag
            ? Resolve((int)type.SizeOrType)
            : type;
    }

    /// <summary>Size in bytes; 0 for what has none.</summary>
    public long SizeOf(int id)
    {
        BtfType type = Resolve(id);
        return type.Kind switch
        {
            BtfKind.Array => type.Members[0].Value * SizeOf(type.Members[0].TypeId),
            BtfKind.Pointer => 8,
            BtfKind.Integer or BtfKind.Struct or BtfKind.Union or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float => type.SizeOrType,
            _ => 0,
        };
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static string Text(ReadOnlySpan<byte> strings, uint offset)
    {
        ReadOnlySpan<byte> rest = strings[(int)offset..];
        return Encoding.UTF8.GetString(rest[..Math.Max(0, rest.IndexOf((byte)0))]);
    }

    private static ReadOnlySpan<byte> FindSection(ReadOnlySpan<byte> image, ReadOnlySpan<byte> name)
    {
        int table = (int)BinaryPrimitives.ReadUInt64LittleEndian(image[40..]);
        int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(image[58..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(image[60..]);
        int namesIndex = BinaryPrimitives.ReadUInt16LittleEndian(image[62..]);
        ReadOnlySpan<byte> names = Section(image, table + (namesIndex * entrySize));
        for (int i = 0; i < count; i++)
        {
            int header = table + (i * entrySize);
            ReadOnlySpan<byte> rest = names[(int)U32(image, header)..];
            if (rest.StartsWith(name) && rest[name.Length] == 0)
            {
                return Section(image, header);
            }
        }

        throw new InvalidDataException("the object has no .BTF section");
    }

    private static ReadOnlySpan<byte> Section(ReadOnlySpan<byte> image, int header) => image.Slice(
        (int)BinaryPrimitives.ReadUInt64LittleEndian(image[(header + 24)..]),
        (int)BinaryPrimitives.ReadUInt64LittleEndian(image[(header + 32)..]));

    /// <summary>Adds the type at the start of the bytes; returns how many it takes.</summary>
    private int ReadType(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> strings)
    {
        uint info = U32(bytes, 4);
        var kind = (BtfKind)((info >> 24) & 0x1f);
        int count = (int)(info & 0xffff);
        bool kindFlag = info >> 31 != 0;
        ReadOnlySpan<byte> tail = bytes[12..];
        List<BtfMember> members = [];
        int size = kind switch
        {
            BtfKind.Integer or BtfKind.Variable or BtfKind.DeclarationTag => 4,
            BtfKind.Array or BtfKind.Struct or BtfKind.Union or BtfKind.DataSection or BtfKind.Enum64 => 12,
            BtfKind.Enum or BtfKind.FunctionPrototype => 8,
            _ => 0,
        };
        switch (kind)
        {
            case BtfKind.Array:
                members.Add(new BtfMember("", (int)U32(tail, 0), U32(tail, 8)));
                size = 12;
                count = 1;
                break;
            case BtfKind.Integer or BtfKind.Variable or BtfKind.DeclarationTag:
                count = 1;
                break;
            case BtfKind.Struct or BtfKind.Union:
                for (int i = 0; i < count; i++)
                {
                    uint bits = U32(tail, (i * 12) + 8) & (kindFlag ? 0xffffffu : uint.MaxValue);
                    members.Add(new BtfMember(Text(strings, U32(tail, i * 12)), (int)U32(tail, (i * 12) + 4), bits / 8));
                }

                break;
            case BtfKind.Enum:
                for (int i = 0; i < count; i++)
                {
                    members.Add(new BtfMember(Text(strings, U32(tail, i * 8)), 0, (int)U32(tail, (i * 8) + 4)));
                }

                break;
            case BtfKind.DataSection:
                for (int i = 0; i < count; i++)
                {
                    members.Add(new BtfMember("", (int)U32(tail, i * 12), U32(tail, (i * 12) + 4)));
                }

                break;
            default:
                break;
        }

        _types.Add(new BtfType(_types.Count, kind, Text(strings, U32(bytes, 0)), U32(bytes, 8), members));
        return 12 + (count * size);
    }
}
