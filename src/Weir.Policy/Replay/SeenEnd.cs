// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Replay;

/// <summary>One end of a flow that was seen, as it was then.</summary>
/// <param name="Name">What people call it; empty: it has no name.</param>
/// <param name="Peer">Null: it is outside, and who policy takes it for depends on policy; or nobody knows any more who it was.</param>
/// <param name="Place">Of who is outside: the address, or the range that is all that is known of it; null: not even that.</param>
/// <param name="IsHere">Whether it is a container of this host, whose policy was asked.</param>
public sealed record SeenEnd(string Name, PolicyPeer? Peer, bool IsOutside, IpPrefix? Place, bool IsHere)
{
    /// <summary>What people recognise it by.</summary>
    public string DisplayName => Name.Length > 0 ? Name
        : Peer is not null ? Peer.DisplayName
        : Place is { } place ? (place.IsSingleAddress ? place.Address.ToString() : place.ToString())
        : IsOutside ? "somebody outside"
        : "somebody unknown";
}
