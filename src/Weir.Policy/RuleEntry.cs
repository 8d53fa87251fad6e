// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>
/// One entry of a rule's section: a peer of the list AND a port of the list. A null list is no
/// condition; an empty list of peers selects nobody. With <paramref name="Http"/> only requests that one of
/// its items allows.
/// </summary>
public sealed record RuleEntry(
    PolicyDirection Direction,
    bool IsDeny,
    IReadOnlyList<PeerSelector>? Peers,
    IReadOnlyList<PortSelector>? Ports,
    SourceLocation Location,
    IReadOnlyList<HttpEntry>? Http = null)
{
    /// <summary>Whether the peer fulfils the entry's list of peers.</summary>
    public bool MatchesPeer(PolicyPeer peer)
    {
        if (Peers is null)
        {
            return true;
        }

        for (var i = 0; i < Peers.Count; i++)
        {
            if (Peers[i].Matches(peer))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether it speaks of ports by name.</summary>
    public bool HasNamedPorts { get; } = Ports is not null && Ports.Any(port => port.Name is not null);
}
