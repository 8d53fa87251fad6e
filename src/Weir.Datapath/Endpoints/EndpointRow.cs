// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Datapath;

/// <summary>An endpoint as the datapath has it.</summary>
/// <param name="Routed">As in <see cref="EndpointAttachment.Routed"/>.</param>
/// <param name="Flows">Conntrack entries that it opened, about.</param>
public sealed record EndpointRow(ushort Id, Identity Identity, int Ifindex, uint NetworkId, bool Internal, bool Routed, byte[] Mac, uint Flows);
