// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>What applies to one end of a pair: the entries of its rules that select the other end.</summary>
internal sealed record EndPolicy(bool IsEnforced, Fallback Fallback, EntryOfRule[] Entries)
{
    public static EndPolicy Of(PolicyEngine engine, PolicyPeer subject, PolicyPeer peer, PolicyDirection direction)
    {
        var policy = engine.ForSubject(subject, direction);
        return new EndPolicy(policy.IsEnforced, policy.Fallback, PolicyEngine.EntriesFor(policy, peer));
    }

    public Decision Decide(PortNames names, IpProtocol protocol, ushort port) =>
        IsEnforced ? Evaluator.Decide(Entries, Fallback, names, protocol, port) : Decision.NotEnforced;
}
