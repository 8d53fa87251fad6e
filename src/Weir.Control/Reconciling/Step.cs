// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Reconciling;

/// <summary>One change of the kernel or the proxy, whole in itself: after each of them packets meet what was in force before,
/// or what shall be.</summary>
internal abstract record Step
{
    /// <summary>The only endpoint it is about; 0: it is about several, and what comes after it needs it.</summary>
    internal virtual ushort Endpoint => 0;

    /// <summary>Gives the proxy these HTTP policies, in place of all others.</summary>
    /// <param name="Forgets">It loses some: not before every map that names them is gone.</param>
    internal sealed record TellProxy(ImmutableDictionary<uint, HttpPolicy> Policies, bool Forgets = false) : Step;

    /// <summary>Replaces these endpoints' policy maps, all by one call.</summary>
    internal sealed record ApplyPolicies(IReadOnlyDictionary<ushort, IReadOnlyList<PolicyMapEntry>> Policies) : Step;

    /// <summary>Gives addresses the numbers of who is behind them.</summary>
    internal sealed record PutIpcache(IReadOnlyList<IpcacheRow> Rows) : Step;

    /// <summary>Takes them away.</summary>
    internal sealed record RemoveIpcache(IReadOnlyList<IpPrefix> Prefixes) : Step;

    /// <summary>Attaches an endpoint's programs, the first time or anew, and makes it known.</summary>
    /// <param name="AtOnce">Its container waits for it.</param>
    internal sealed record Attach(EndpointAttachment Attachment, bool AtOnce) : Step
    {
        internal override ushort Endpoint => Attachment.Id;
    }

    /// <summary>Forgets an endpoint, its policy and its flows.</summary>
    internal sealed record Detach(ushort Id, IReadOnlyList<IPAddress> Addresses) : Step
    {
        internal override ushort Endpoint => Id;
    }

    /// <summary>Says who the endpoint is.</summary>
    internal sealed record SetIdentity(ushort Id, Identity Identity) : Step
    {
        internal override ushort Endpoint => Id;
    }

    /// <summary>Says who hears that the endpoint's policy denies him.</summary>
    internal sealed record SetDenyAnswer(ushort Id, DenyAnswer Answer) : Step
    {
        internal override ushort Endpoint => Id;
    }

    /// <summary>The maps speak this policy now. The kernel need not hear of it.</summary>
    internal sealed record Speak(PolicyEngine Engine) : Step;

    /// <summary>Has every flow judged again.</summary>
    internal sealed record BumpRevision : Step;
}
