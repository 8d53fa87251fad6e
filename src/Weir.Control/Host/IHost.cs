// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>What the agent puts into the host beside programs and links. <see cref="LinuxHost"/> is the host's; tests have one
/// in memory. Refusals are LinuxExceptions, IOExceptions and the like.</summary>
internal interface IHost
{
    /// <summary>What an earlier agent put there of what goes with nothing else: routes to addresses beside endpoints' own, and
    /// to other nodes' blocks.</summary>
    IReadOnlyList<HostNeed> List(World world);

    /// <summary>The overlay's device; null: it is not there.</summary>
    int? OverlayIfindex { get; }

    /// <summary>Puts it there; nothing happens if it is there already.</summary>
    void Put(HostNeed need);

    /// <summary>Takes it away; nothing happens if it is gone.</summary>
    void Remove(HostNeed need);

    /// <summary>Gives what leaves the host from these ranges, and no others, the host's address. What a host's firewall refuses is
    /// kept, told and tried again beside the plan: the firewall is other people's too.</summary>
    /// <param name="untranslated">Towards these it keeps its own.</param>
    void Masquerade(IReadOnlyCollection<IpPrefix> ranges, IReadOnlyCollection<IpPrefix> untranslated);
}
