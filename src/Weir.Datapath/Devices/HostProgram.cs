// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The two programs of the host's own devices (bpf/host.bpf.c), the same on each with a link of that kind.</summary>
internal sealed class HostProgram : IDisposable
{
    internal const string FromDevice = "weir_from_dev";
    internal const string ToDevice = "weir_to_dev";
    private const string ConfigVariable = "device_config";
    private const uint EthernetHeader = 14;

    internal const string PinPrefix = "link_dev_";

    // A device's filters may be anybody's: these two numbers together are Weir's alone.
    internal static FilterPlace Place { get; } = new(50, 0x77656972, MustBeFirst: false);

    private readonly BpfObject _object;

    private HostProgram(BpfObject loaded) => _object = loaded;

    /// <summary>Loads the programs; nothing is attached yet.</summary>
    /// <param name="hasEthernet">False: the device carries bare IP packets.</param>
    /// <param name="hasXdp">False: nobody asked the prefilter before.</param>
    internal static HostProgram Load(DatapathMaps maps, bool hasEthernet, bool hasXdp)
    {
        var config = new DeviceConfig { LinkHeader = hasEthernet ? EthernetHeader : 0, Prefilter = hasXdp ? 0u : 1u };
        return new HostProgram(ProgramLoader.Load(ProgramLoader.ImagesOf(maps).Host, "weir_host", maps, ConfigVariable, config));
    }

    internal DevicePrograms For(string device, string pinRoot) => new(_object.Program(FromDevice), _object.Program(ToDevice), PinOf(device, pinRoot), Place);

    internal static string PinOf(string device, string pinRoot) => Path.Combine(pinRoot, PinPrefix + PinNames.Of(device));

    public void Dispose() => _object.Dispose();
}
