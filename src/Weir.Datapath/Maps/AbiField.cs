// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;

namespace Weir.Datapath;

/// <summary>A field of a shared struct, by its name in C, as this process lays it out.</summary>
internal readonly record struct AbiField(string Name, long Offset, int Size)
{
    internal static AbiField Of<TStruct, TField>(string name, ref TStruct owner, ref TField field)
        where TStruct : unmanaged
        where TField : unmanaged => new(
            name,
            Unsafe.ByteOffset(ref Unsafe.As<TStruct, byte>(ref owner), ref Unsafe.As<TField, byte>(ref field)),
            Unsafe.SizeOf<TField>());
}
