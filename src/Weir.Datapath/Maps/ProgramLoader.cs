// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;

namespace Weir.Datapath;

/// <summary>Loads compiled objects with the maps that all programs share.</summary>
internal static class ProgramLoader
{
    /// <summary>The objects of the version that the maps are of.</summary>
    /// <param name="maps">Null: programs get maps of their own, to be tried.</param>
    internal static DatapathImages ImagesOf(DatapathMaps? maps) => maps?.Images ?? DatapathImages.Own;

    /// <summary>Loads an object's programs; nothing is attached yet.</summary>
    /// <param name="maps">Null: they get maps of their own, to be tried.</param>
    internal static BpfObject Load(ReadOnlySpan<byte> image, string name, DatapathMaps? maps) => Load(image, name, maps, _ => { });

    /// <summary>The same, specialised by a constant.</summary>
    /// <param name="variable">The constant's name.</param>
    internal static BpfObject Load<T>(ReadOnlySpan<byte> image, string name, DatapathMaps? maps, string variable, T value)
        where T : unmanaged =>
        Load(image, name, maps, program => program.SetRodata(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)), variable));

    /// <summary>Gives an object the maps that all share, before it is loaded.</summary>
    internal static void Prepare(BpfObject program, DatapathMaps? maps)
    {
        foreach (BpfMap map in maps?.All ?? [])
        {
            program.ReuseMap(map.Name, map);
        }
    }

    /// <summary>The same, specialised by whatever is to be set before it is loaded.</summary>
    internal static BpfObject Load(ReadOnlySpan<byte> image, string name, DatapathMaps? maps, Action<BpfObject> specialise)
    {
        BpfObject program = BpfObject.Open(image, name);
        try
        {
            Prepare(program, maps);
            specialise(program);
            program.Load();
            return program;
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }
}
