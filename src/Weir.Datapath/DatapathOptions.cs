// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>Where the datapath lives and how much it can hold. Maps of another size are replaced
/// when it is opened.</summary>
public sealed record DatapathOptions
{
    public const string DefaultPinRoot = BpfFileSystem.Root + "/weir";

    /// <summary>Folder of the pins, in a BPF file system.</summary>
    public string PinRoot { get; init; } = DefaultPinRoot;

    /// <summary>Whether programs are attached by tcx links, else by filters. Null: where the kernel has them.</summary>
    public bool? Tcx { get; init; }

    /// <summary>Whose sockets the socket hook translates: a folder of cgroup2. Null: of all processes that this one's
    /// cgroup namespace shows.</summary>
    public string? Cgroup { get; init; }

    /// <summary>Where cgroup2 is mounted while the hook is attached, if it is mounted nowhere.</summary>
    public string CgroupMountFolder { get; init; } = "/run/weir/cgroup2";

    /// <summary>Conntrack entries of the host.</summary>
    public uint MaxFlows { get; init; } = 131072;

    /// <summary>Conntrack entries that one endpoint may originate.</summary>
    public uint MaxFlowsPerEndpoint { get; init; } = 32768;

    /// <summary>Prefixes with an identity.</summary>
    public uint MaxPrefixes { get; init; } = 131072;

    /// <summary>Service addresses: one for each address, port and protocol.</summary>
    public uint MaxFrontends { get; init; } = 65536;

    /// <summary>Backends of all services, each address and port once.</summary>
    public uint MaxBackends { get; init; } = 16384;

    /// <summary>Slots of all services' tables, 8 bytes each.</summary>
    public uint MaxSlots { get; init; } = 512 * 1024;

    /// <summary>Ports of this host that flows by SNAT leave from: so many a backend at a time.</summary>
    public PortRange SnatPorts { get; init; } = new((ushort)NatPorts.FirstPort, (ushort)NatPorts.LastPort);

    /// <summary>Entries for flows to remote backends by SNAT: two a flow; as many for TCP as for UDP.</summary>
    public uint MaxNatEntries { get; init; } = 65536;

    /// <summary>Bytes of the event ring: a power of two, at least a page. The agent has it in memory twice.</summary>
    public uint EventBytes { get; init; } = 2 * 1024 * 1024;
}
