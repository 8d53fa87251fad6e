// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>A peer under one of two policies.</summary>
/// <param name="Matches">Which entries select it.</param>
internal sealed record SidePeer(ulong[] Matches, SideSubject Ingress, SideSubject Egress)
{
    public SideSubject Of(PolicyDirection direction) => direction == PolicyDirection.Ingress ? Ingress : Egress;
}

/// <summary>What applies to a peer in one direction.</summary>
/// <param name="DefaultDeny">A rule that puts it under policy, if one does.</param>
/// <param name="Meaning">Equal where the same applies, also on the other side.</param>
internal sealed record SideSubject(SubjectPolicy Policy, Rule? DefaultDeny, string Meaning);
