// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Datapath;

/// <summary>The load balancer's program at devices (bpf/xdp.bpf.c), loaded once for all of them.</summary>
internal sealed class XdpProgram : IDisposable
{
    private const string Name = "weir_xdp";
    internal const string PinPrefix = "link_xdp_";

    /// <summary>The map of which each CPU has a part of the declared size (bpf/lib/near.h).</summary>
    internal const string MapOfCpus = "weir_near";

    private readonly BpfObject _object;
    private readonly string _pinRoot;

    private XdpProgram(BpfObject loaded, string pinRoot)
    {
        _object = loaded;
        _pinRoot = pinRoot;
    }

    internal static XdpProgram Load(DatapathMaps maps, string pinRoot) =>
        new(ProgramLoader.Load(ProgramLoader.ImagesOf(maps).Xdp, Name, maps, GiveEachCpuItsPart), pinRoot);

    /// <summary>Attaches it to a device, in place of an older one.</summary>
    internal XdpMode Attach(string device, int ifindex, XdpMode? wanted) =>
        XdpLink.Attach(_object.Program(Name), ifindex, PinOf(_pinRoot, device), wanted);

    /// <summary>Takes the program off the device, whoever attached it.</summary>
    internal static void Detach(string device, string pinRoot) => BpfLink.Detach(PinOf(pinRoot, device));

    /// <summary>The devices that have it by a pin.</summary>
    internal static IReadOnlyList<string> Devices(string pinRoot) =>
    [
        .. Directory.GetFiles(pinRoot, PinPrefix + "*").Select(path => PinNames.Device(Path.GetFileName(path)[PinPrefix.Length..])).Order(StringComparer.Ordinal),
    ];

    public void Dispose() => _object.Dispose();

    private static void GiveEachCpuItsPart(BpfObject program)
    {
        BpfMapSpec part = program.DeclaredMaps().Single(map => map.Name == MapOfCpus);
        program.SetMaxEntries(MapOfCpus, part.MaxEntries * (uint)PossibleCpus.Count);
    }

    internal static string PinOf(string pinRoot, string device) => Path.Combine(pinRoot, PinPrefix + PinNames.Of(device));
}
