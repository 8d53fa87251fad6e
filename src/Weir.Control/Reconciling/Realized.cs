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

/// <summary>What kernel, host and proxy have of what the <see cref="State.World"/> says, as far as it is known: never changed, only
/// followed by another. What is not in it is put there, whether it is there or not.</summary>
internal sealed record Realized
{
    /// <summary>No name has none.</summary>
    private static readonly IReadOnlyList<IPAddress> _unknown = [];

    /// <summary>Nothing is known.</summary>
    internal static Realized Nothing { get; } = new();

    /// <summary>Endpoints with programs.</summary>
    internal ImmutableDictionary<ushort, EndpointAttachment> Endpoints { get; init; } = ImmutableDictionary<ushort, EndpointAttachment>.Empty;

    internal ImmutableDictionary<ushort, IReadOnlyList<PolicyMapEntry>> Policies { get; init; } = ImmutableDictionary<ushort, IReadOnlyList<PolicyMapEntry>>.Empty;

    internal ImmutableDictionary<ushort, DenyAnswer> DenyAnswers { get; init; } = ImmutableDictionary<ushort, DenyAnswer>.Empty;

    internal ImmutableDictionary<IpPrefix, Behind> Ipcache { get; init; } = ImmutableDictionary<IpPrefix, Behind>.Empty;

    /// <summary>What the proxy judges by.</summary>
    internal ImmutableDictionary<uint, HttpPolicy> Http { get; init; } = ImmutableDictionary<uint, HttpPolicy>.Empty;

    /// <summary>Other nodes, as the datapath reaches them; null: that is not known.</summary>
    internal ImmutableHashSet<NodeRow>? Nodes { get; init; }

    /// <summary>Whether the overlay's device carries containers' packets.</summary>
    internal bool HasOverlay { get; init; }

    /// <summary>What is answered to who asks for a name; nothing: that is not known.</summary>
    internal ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>> Names { get; init; } = ImmutableDictionary<NetworkName, IReadOnlyList<IPAddress>>.Empty;

    /// <summary>What was put into the host.</summary>
    internal ImmutableHashSet<HostNeed> Host { get; init; } = [];

    /// <summary>What leaves with the host's address; null: that is not known.</summary>
    internal IReadOnlyList<IpPrefix>? Masqueraded { get; init; }

    /// <summary>To whom it leaves with its own all the same.</summary>
    internal IReadOnlyList<IpPrefix> Untranslated { get; init; } = [];

    /// <summary>Addresses beside endpoints' own; null: that is not known.</summary>
    internal ImmutableHashSet<ClaimRow>? Claims { get; init; }

    /// <summary>To whom published ports are open; null: that is not known.</summary>
    internal ImmutableHashSet<PublishRow>? Doors { get; init; }

    /// <summary>Sources that are dropped at the devices; null: that is not known.</summary>
    internal ImmutableSortedSet<IpPrefix>? Prefilter { get; init; }

    /// <summary>What is served, by name.</summary>
    internal ImmutableDictionary<string, Served> Services { get; init; } = ImmutableDictionary<string, Served>.Empty;

    /// <summary>Whether the proxy may judge by others beside, or instead.</summary>
    internal bool IsProxyInDoubt { get; init; }

    /// <summary>The policy of which the maps are; null: that is not known.</summary>
    internal PolicyEngine? Engine { get; init; }

    /// <summary>After a step that was done.</summary>
    internal Realized After(Step step) => step switch
    {
        Step.TellProxy tell => this with { Http = tell.Policies, IsProxyInDoubt = false },
        Step.ApplyPolicies apply => this with { Policies = Policies.SetItems(apply.Policies) },
        Step.SetNodes set => this with { Nodes = set.Rows },
        Step.SetOverlay set => this with { HasOverlay = set.IsOn },
        Step.PutNames put => this with { Names = Names.SetItems(put.Rows.Select(row => KeyValuePair.Create(row.Name, row.Addresses))) },
        Step.RemoveNames remove => this with { Names = Names.RemoveRange(remove.Names) },
        // A new device carries nothing yet.
        Step.PutHost { Need: HostNeed.OverlayDevice device } => this with { Host = Host.Add(device), HasOverlay = false },
        Step.PutIpcache put => this with { Ipcache = Ipcache.SetItems(put.Rows.Select(row => KeyValuePair.Create(row.Prefix, new Behind(row.Identity, row.NetworkId, row.Node)))) },
        Step.RemoveIpcache remove => this with { Ipcache = Ipcache.RemoveRange(remove.Prefixes) },
        Step.Attach attach => this with { Endpoints = Endpoints.SetItem(attach.Attachment.Id, attach.Attachment) },
        Step.Detach detach => Without(detach.Id),
        Step.SetIdentity set => this with { Endpoints = Endpoints.SetItem(set.Id, Endpoints[set.Id] with { Identity = set.Identity }) },
        Step.SetDenyAnswer set => this with { DenyAnswers = DenyAnswers.SetItem(set.Id, set.Answer) },
        Step.Speak speak => this with { Engine = speak.Engine },
        Step.SetRouted set => this with { Endpoints = Endpoints.SetItem(set.Id, Endpoints[set.Id] with { Routed = set.Routed }) },
        Step.PutHost put => this with { Host = Host.Add(put.Need) },
        Step.RemoveHost remove => this with { Host = Host.Remove(remove.Need) },
        Step.Masquerade masquerade => this with { Masqueraded = masquerade.Ranges, Untranslated = masquerade.Untranslated },
        Step.SetClaims set => this with { Claims = set.Rows },
        Step.SetDoors set => this with { Doors = set.Rows },
        Step.SetPrefilter set => this with { Prefilter = set.Prefixes },
        Step.Serve serve => Serving(serve.Service, serve.Service),
        Step.LetGo let => this with { Services = Services.SetItem(let.Service.Name, Services[let.Service.Name] with { Frontends = [.. let.Service.Spec.Frontends] }) },
        Step.StopServing stop => this with { Services = Services.Remove(stop.Name) },
        Step.BumpRevision => this,
        _ => throw new InvalidOperationException($"a step {step.GetType().Name} is not known"),
    };

    /// <summary>After a step that failed half-way, for all that is known.</summary>
    internal Realized InDoubt(Step step) => step switch
    {
        Step.TellProxy => this with { IsProxyInDoubt = true },
        Step.ApplyPolicies apply => this with { Policies = Policies.RemoveRange(apply.Policies.Keys) },
        Step.PutIpcache put => InDoubt(put.Rows.Select(row => row.Prefix)),
        Step.RemoveIpcache remove => InDoubt(remove.Prefixes),
        Step.Attach attach => this with { Endpoints = Endpoints.SetItem(attach.Attachment.Id, InDoubt(attach.Attachment)) },
        Step.Serve serve => Serving(serve.Service, now: null),
        Step.StopServing stop => this with { Services = Services.SetItem(stop.Name, Services[stop.Name] with { Service = null }) },
        Step.SetNodes => this with { Nodes = null },
        Step.PutNames put => this with { Names = Names.SetItems(put.Rows.Select(row => KeyValuePair.Create(row.Name, _unknown))) },
        Step.RemoveNames remove => this with { Names = Names.SetItems(remove.Names.Select(name => KeyValuePair.Create(name, _unknown))) },
        Step.SetClaims => this with { Claims = null },
        Step.SetDoors => this with { Doors = null },
        Step.SetPrefilter => this with { Prefilter = null },
        Step.Masquerade => this with { Masqueraded = null },
        _ => this,
    };

    /// <summary>An endpoint whose programs are not what they should be, or nowhere: they are attached anew, and if it goes it is
    /// forgotten.</summary>
    internal static EndpointAttachment InDoubt(EndpointAttachment attachment) => attachment with { Ifindex = 0 };

    /// <summary>They may be there: they are removed if nothing wants them, and put again if something does.</summary>
    private Realized InDoubt(IEnumerable<IpPrefix> prefixes) =>
        this with { Ipcache = Ipcache.SetItems(prefixes.Select(prefix => KeyValuePair.Create(prefix, new Behind(Identity.Unknown)))) };

    private Realized Serving(Service wanted, Service? now)
    {
        Served before = Services.GetValueOrDefault(wanted.Name, Served.Nothing);
        return this with { Services = Services.SetItem(wanted.Name, new Served(now, before.Frontends.Union(wanted.Spec.Frontends))) };
    }

    private Realized Without(ushort id) => this with
    {
        Endpoints = Endpoints.Remove(id),
        Policies = Policies.Remove(id),
        DenyAnswers = DenyAnswers.Remove(id),
    };
}
