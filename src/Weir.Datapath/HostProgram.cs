// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Linux.Netlink;

namespace Weir.Datapath;

/// <summary>The two programs of the host's own devices (bpf/host.bpf.c), the same on each.</summary>
internal sealed class HostProgram : IDisposable
{
    internal const string FromDevice = "weir_from_dev";
    internal const string ToDevice = "weir_to_dev";

    // A device's filters may be anybody's: these two numbers together are Weir's alone.
    private const ushort Priority = 50;
    private const uint Handle = 0x77656972;

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

    /// <summary>Attaches both beside the filters of others, in place of older ones of Weir's.</summary>
    internal void Attach(RtnetlinkSocket links, int ifindex)
    {
        links.AddClsact(ifindex);
        links.ReplaceBpfFilter(ifindex, ingress: true, _object.Program(FromDevice).Fd, FromDevice, Priority, Handle);
        links.ReplaceBpfFilter(ifindex, ingress: false, _object.Program(ToDevice).Fd, ToDevice, Priority, Handle);
    }

    /// <summary>Removes both; clsact stays, for it may be another's.</summary>
    internal static void Detach(RtnetlinkSocket links, int ifindex)
    {
        links.DeleteBpfFilter(ifindex, ingress: true, Priority, Handle);
        links.DeleteBpfFilter(ifindex, ingress: false, Priority, Handle);
    }

    public void Dispose() => _object.Dispose();
}
