// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>One frontend of a service as the datapath has it.</summary>
/// <param name="Address">Where clients reach it.</param>
/// <param name="Protocol">TCP or UDP.</param>
/// <param name="FrontendId">Index of weir_frontend; never 0.</param>
/// <param name="FirstSlot">Where its run in weir_slot begins.</param>
/// <param name="Slots">How many it has: a power of two.</param>
/// <param name="Mode">How packets go to backends that are not on this host.</param>
/// <param name="AffinitySeconds">How long a client keeps its backend; 0: no affinity.</param>
/// <param name="HostOnly">Only for connections from the host's own namespace.</param>
/// <param name="Closed">A published port that outsiders reach only as <see cref="PublishTable"/> says.</param>
public sealed record ServiceRow(
    IPAddress Address,
    ushort Port,
    IpProtocol Protocol,
    uint FrontendId,
    uint FirstSlot,
    uint Slots,
    ServiceMode Mode = ServiceMode.Snat,
    uint AffinitySeconds = 0,
    bool HostOnly = false,
    bool Closed = false);
