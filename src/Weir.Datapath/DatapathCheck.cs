// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>Tries whether this machine can carry the datapath. Nothing that is tried stays.</summary>
public static class DatapathCheck
{
    private const int LoopbackIndex = 1;
    private const int RingBufferReserve = 131;
    private const int RedirectPeer = 155;
    private const int CoarseTime = 160;

    /// <summary>Every requirement with the outcome; needs root.</summary>
    public static IReadOnlyList<DatapathRequirement> Run(DatapathOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<DatapathRequirement> outcome =
        [
            new("shared structs", AbiCheck.Run() is { Count: > 0 } differences ? string.Join("; ", differences) : null),
            new("BPF file system", Try(() => BpfFileSystem.EnsureFolder(BpfFileSystem.Root))),
            new("tc programs", BpfFeatureProbe.TryTrafficProgram()),
            new("bpf_ringbuf_reserve (Linux 5.8)", BpfFeatureProbe.TryTrafficHelper(RingBufferReserve, "bpf_ringbuf_reserve")),
            new("bpf_redirect_peer (Linux 5.10)", BpfFeatureProbe.TryTrafficHelper(RedirectPeer, "bpf_redirect_peer")),
            new("bpf_ktime_get_coarse_ns (Linux 5.11)", BpfFeatureProbe.TryTrafficHelper(CoarseTime, "bpf_ktime_get_coarse_ns")),
            new("map batches (Linux 5.6)", BpfFeatureProbe.TryBatch()),
        ];
        LoadedTypes? types = null;
        outcome.Add(new("types of maps", Try(() => types = LoadedTypes.Load(DatapathObject.EndpointImage, "weir"))));
        using (types)
        {
            foreach (BpfMapSpec spec in DatapathMaps.Specs(options))
            {
                outcome.Add(new($"map {spec.Name} ({spec.Type})", BpfFeatureProbe.TryMap(spec, types)));
            }
        }

        outcome.Add(new("endpoint program", Try(() => Load(DatapathObject.EndpointImage))));
        outcome.Add(new("programs of all endpoints", Try(() => Load(DatapathObject.JudgeImage))));
        outcome.Add(new("device programs", Try(() => Load(DatapathObject.HostImage))));
        outcome.Add(new("overlay program", Try(() => OverlayProgram.Load(null).Dispose())));
        outcome.Add(new("programs for HTTP", Try(() => Load(DatapathObject.HttpImage))));
        outcome.Add(new("XDP program", Try(() => Load(DatapathObject.XdpImage))));
        outcome.Add(new("socket hook", Try(() => SocketHook.Load(null).Dispose())));
        outcome.Add(new("measuring program", Try(MeasureProgram.Try)));
        outcome.Add(new($"ports {options.SnatPorts} for SNAT alone", Overlap(options.SnatPorts)));
        outcome.Add(new("network namespaces and clsact", Try(AttachNothing)));
        return outcome;
    }

    private static void Load(ReadOnlySpan<byte> image)
    {
        using BpfObject program = BpfObject.Open(image, "weir");
        program.Load();
    }

    private static string? Overlap(PortRange ports)
    {
        string[] own = Sysctl.Read("net/ipv4/ip_local_port_range").Split('\t', ' ');
        return PortRange.TryParse(string.Join('-', own), out PortRange ephemeral) && ephemeral.Overlaps(ports)
            ? $"this host opens its own connections from {ephemeral}, and masqueraded ones leave from there: set snat-ports or net.ipv4.ip_local_port_range to others"
            : null;
    }

    private static void AttachNothing()
    {
        using FileDescriptor scratch = NetworkNamespace.Create();
        NetworkNamespace.Run(scratch, "of the check", () =>
        {
            using var links = new RtnetlinkSocket();
            links.AddClsact(LoopbackIndex);
            return true;
        });
    }

    private static string? Try(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            return e.Message;
        }
    }
}
