// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Linux.Netlink;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>A backend of a service as it stands now.</summary>
/// <param name="Detail">Why it is not active.</param>
/// <param name="EndpointId">Of the container behind it on this host; 0: it is elsewhere.</param>
/// <param name="Hop">The way to it from here, or to the node that has it; null for a container of this host, or if there is none.</param>
/// <param name="Through">The address of the node that is handed its packets in others; null: it gets them itself.</param>
/// <param name="Node">Whose container is behind it; null: this host's, or no node's.</param>
/// <param name="IsChosen">It is in the table: new connections may get it.</param>
internal sealed record Member(BackendSpec Spec, BackendState State, string Detail, ushort EndpointId, string? Node, NextHop? Hop, IPAddress? Through, bool IsChosen)
{
    internal BackendAddress Address => Spec.Address;

    internal bool IsLocal => EndpointId != 0;

    public bool Equals(Member? other) =>
        other is not null && Spec == other.Spec && State == other.State && Detail == other.Detail && EndpointId == other.EndpointId && Node == other.Node && Equals(Through, other.Through) && IsChosen == other.IsChosen
        && Hop?.Ifindex == other.Hop?.Ifindex && Equals(Hop?.Source, other.Hop?.Source) && (Hop?.Mac ?? []).AsSpan().SequenceEqual(other.Hop?.Mac ?? []);

    public override int GetHashCode() => HashCode.Combine(Spec, State, EndpointId, IsChosen);
}
