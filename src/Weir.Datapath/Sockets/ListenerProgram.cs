// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Datapath;

/// <summary>The program by which the host's stack finds the proxy's listener (bpf/listener.bpf.c).</summary>
internal static class ListenerProgram
{
    private const string Name = "weir_listener";

    internal static string PinOf(string pinRoot) => Path.Combine(pinRoot, Name);

    /// <summary>Loads it; nothing is attached yet.</summary>
    internal static BpfObject Load(DatapathMaps maps) => ProgramLoader.Load(ProgramLoader.ImagesOf(maps).Listener, Name, maps);

    /// <summary>Attaches it to the host's namespace, in place of an older one.</summary>
    internal static void Attach(BpfObject loaded, string pinRoot) => BpfLink.AttachSocketLookup(loaded.Program(Name), PinOf(pinRoot));
}
