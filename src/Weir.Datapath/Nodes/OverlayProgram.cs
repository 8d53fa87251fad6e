// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Datapath;

/// <summary>The two programs of the overlay's device (bpf/overlay.bpf.c).</summary>
internal sealed class OverlayProgram : IDisposable
{
    internal const string PinPrefix = "link_overlay";
    private const string Name = "weir_overlay";
    private const string FromOverlay = "weir_from_overlay";
    private const string ToOverlay = "weir_to_overlay";

    /// <summary>Of the filters, where there are no links.</summary>
    internal static FilterPlace Place { get; } = new(1, 1, MustBeFirst: true);

    private readonly BpfObject _object;

    private OverlayProgram(BpfObject loaded) => _object = loaded;

    /// <summary>Loads the programs; nothing is attached yet.</summary>
    /// <param name="maps">Null: they get maps of their own, to be tried.</param>
    internal static OverlayProgram Load(DatapathMaps? maps) => new(ProgramLoader.Load(ProgramLoader.ImagesOf(maps).Overlay, Name, maps));

    internal DevicePrograms For(string pinRoot) => new(_object.Program(FromOverlay), _object.Program(ToOverlay), PinOf(pinRoot), Place);

    internal static string PinOf(string pinRoot) => Path.Combine(pinRoot, PinPrefix);

    public void Dispose() => _object.Dispose();
}
