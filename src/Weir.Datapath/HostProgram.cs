// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Datapath;

/// <summary>The two programs of the host's own devices (bpf/host.bpf.c), the same on each.</summary>
internal sealed class HostProgram : IDisposable
{
    internal const string FromDevice = "weir_from_dev";
    internal const string ToDevice = "weir_to_dev";

    private const string PinPrefix = "link_dev_";

    // A device's filters may be anybody's: these two numbers together are Weir's alone.
    internal static FilterPlace Place { get; } = new(50, 0x77656972, MustBeFirst: false);

    private readonly BpfObject _object;

    private HostProgram(BpfObject loaded) => _object = loaded;

    /// <summary>Loads the programs; nothing is attached yet.</summary>
    internal static HostProgram Load(DatapathMaps maps)
    {
        BpfObject program = BpfObject.Open(DatapathObject.HostImage, "weir_host");
        try
        {
            foreach (BpfMap map in maps.All)
            {
                program.ReuseMap(map.Name, map);
            }

            program.Load();
            return new HostProgram(program);
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    internal DevicePrograms For(string device, string pinRoot) => new(_object.Program(FromDevice), _object.Program(ToDevice), PinOf(device, pinRoot), Place);

    internal static string PinOf(string device, string pinRoot) => Path.Combine(pinRoot, PinPrefix + PinNames.Of(device));

    public void Dispose() => _object.Dispose();
}
