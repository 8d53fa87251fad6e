// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using System.Net;
using Weir.Control.Host;
using Weir.Control.Services;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Reconciling;

/// <summary>One change of kernel, host or proxy, whole in itself: after each of them packets meet what was in force before,
/// or what shall be.</summary>
internal abstract record Step
{
    /// <summary>What fails with it.</summary>
    internal virtual StepObject About => StepObject.Policy;

    /// <summary>Puts into the host what it must have.</summary>
    internal sealed record PutHost(HostNeed Need) : Step
    {
        internal override StepObject About => Need.About;
    }

    /// <summary>Takes it away.</summary>
    internal sealed record RemoveHost(HostNeed Need) : Step
    {
        internal override StepObject About => Need.About;
    }

    /// <summary>Gives what leaves the host from these ranges, and no others, the host's address.</summary>
    /// <param name="Untranslated">But not towards these.</param>
    internal sealed record Masquerade(IReadOnlyList<IpPrefix> Ranges, IReadOnlyList<IpPrefix> Untranslated) : Step
    {
        internal override StepObject About => StepObject.Masquerading;
    }

    /// <summary>Gives the proxy these HTTP policies, in place of all others.</summary>
    /// <param name="Forgets">It loses some: not before every map that names them is gone.</param>
    internal sealed record TellProxy(ImmutableDictionary<uint, HttpPolicy> Policies, bool Forgets = false) : Step;

    /// <summary>Replaces these endpoints' policy maps, all by one call.</summary>
    internal sealed record ApplyPolicies(IReadOnlyDictionary<ushort, IReadOnlyList<PolicyMapEntry>> Policies) : Step;

    /// <summary>Says how other nodes are reached, these and no others.</summary>
    internal sealed record SetNodes(ImmutableHashSet<NodeRow> Rows) : Step
    {
        internal override StepObject About => StepObject.Nodes;
    }

    /// <summary>Has the overlay's device carry containers' packets, or no more.</summary>
    internal sealed record SetOverlay(bool IsOn) : Step
    {
        internal override StepObject About => StepObject.Overlay;
    }

    /// <summary>Has containers be answered for these names.</summary>
    internal sealed record PutNames(IReadOnlyList<NameRow> Rows) : Step
    {
        internal override StepObject About => StepObject.Names;
    }

    /// <summary>For these no more.</summary>
    internal sealed record RemoveNames(IReadOnlyList<NetworkName> Names) : Step
    {
        internal override StepObject About => StepObject.Names;
    }

    /// <summary>Gives addresses the numbers of who is behind them.</summary>
    internal sealed record PutIpcache(IReadOnlyList<IpcacheRow> Rows) : Step;

    /// <summary>Takes them away.</summary>
    internal sealed record RemoveIpcache(IReadOnlyList<IpPrefix> Prefixes) : Step;

    /// <summary>Attaches an endpoint's programs, the first time or anew, and makes it known.</summary>
    /// <param name="AtOnce">Its container waits for it.</param>
    internal sealed record Attach(EndpointAttachment Attachment, bool AtOnce) : Step
    {
        internal override StepObject About => StepObject.OfEndpoint(Attachment.Id);
    }

    /// <summary>Forgets an endpoint, its policy and its flows.</summary>
    internal sealed record Detach(ushort Id, IReadOnlyList<IPAddress> Addresses) : Step
    {
        internal override StepObject About => StepObject.OfEndpoint(Id);
    }

    /// <summary>Says who the endpoint is.</summary>
    internal sealed record SetIdentity(ushort Id, Identity Identity) : Step
    {
        internal override StepObject About => StepObject.OfEndpoint(Id);
    }

    /// <summary>Says whether outsiders may open flows to the endpoint's own addresses.</summary>
    internal sealed record SetRouted(ushort Id, bool Routed) : Step
    {
        internal override StepObject About => StepObject.OfEndpoint(Id);
    }

    /// <summary>Says who hears that the endpoint's policy denies him.</summary>
    internal sealed record SetDenyAnswer(ushort Id, DenyAnswer Answer) : Step
    {
        internal override StepObject About => StepObject.OfEndpoint(Id);
    }

    /// <summary>The maps speak this policy now. The kernel need not hear of it.</summary>
    internal sealed record Speak(PolicyEngine Engine) : Step;

    /// <summary>Leads these addresses to endpoints beside their own, and no others.</summary>
    internal sealed record SetClaims(ImmutableHashSet<ClaimRow> Rows) : Step
    {
        internal override StepObject About => StepObject.Claims;
    }

    /// <summary>Opens published ports to these outsiders, and no others.</summary>
    internal sealed record SetDoors(ImmutableHashSet<PublishRow> Rows) : Step
    {
        internal override StepObject About => StepObject.Doors;
    }

    /// <summary>Drops these sources at the devices, and no others.</summary>
    internal sealed record SetPrefilter(ImmutableSortedSet<IpPrefix> Prefixes) : Step
    {
        internal override StepObject About => StepObject.Prefilter;
    }

    /// <summary>Serves a service by its backends as they stand.</summary>
    internal sealed record Serve(Service Service) : Step
    {
        internal override StepObject About => StepObject.OfService(Service.Name);
    }

    /// <summary>Takes away the frontends that a service had and has no more.</summary>
    /// <param name="Takers">Services that have them now: not before these are served.</param>
    internal sealed record LetGo(Service Service, IReadOnlyList<string> Takers) : Step
    {
        internal override StepObject About => StepObject.OfService(Service.Name);
    }

    /// <summary>Serves it no more.</summary>
    /// <param name="Takers">As in <see cref="LetGo"/>.</param>
    internal sealed record StopServing(string Name, IReadOnlyList<string> Takers) : Step
    {
        internal override StepObject About => StepObject.OfService(Name);
    }

    /// <summary>Has every flow judged again.</summary>
    internal sealed record BumpRevision : Step;
}
