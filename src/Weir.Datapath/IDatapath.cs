// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;

namespace Weir.Datapath;

/// <summary>What the kernel is told of endpoints, of who is behind addresses, of doors, and of policy. <see cref="Datapath"/> is the
/// kernel's; tests have one in memory. Refusals are LinuxExceptions and <see cref="DatapathException"/>s.</summary>
public interface IDatapath
{
    /// <inheritdoc cref="Datapath.Revision"/>
    uint Revision { get; }

    /// <inheritdoc cref="Datapath.AttachEndpoint"/>
    void AttachEndpoint(EndpointAttachment attachment, bool atOnce = false);

    /// <inheritdoc cref="Datapath.AwaitsLinks"/>
    bool AwaitsLinks(ushort id);

    /// <inheritdoc cref="Datapath.IsEndpointWhole"/>
    bool IsEndpointWhole(ushort id, int ifindex);

    /// <inheritdoc cref="Datapath.DetachEndpoint"/>
    void DetachEndpoint(ushort id, IEnumerable<IPAddress> addresses);

    /// <inheritdoc cref="Datapath.SetIdentity"/>
    void SetIdentity(ushort id, Identity identity);

    /// <inheritdoc cref="Datapath.SetDenyAnswer"/>
    void SetDenyAnswer(ushort id, DenyAnswer answer);

    /// <inheritdoc cref="Datapath.ApplyPolicies"/>
    void ApplyPolicies(IReadOnlyDictionary<ushort, IReadOnlyList<PolicyMapEntry>> policies);

    /// <inheritdoc cref="Datapath.SetIpcache(IReadOnlyCollection{IpcacheRow})"/>
    void SetIpcache(IReadOnlyCollection<IpcacheRow> rows);

    /// <inheritdoc cref="Datapath.RemoveIpcache"/>
    bool RemoveIpcache(IpPrefix prefix);

    /// <inheritdoc cref="Datapath.SetNodes"/>
    void SetNodes(IReadOnlyCollection<NodeRow> rows);

    /// <inheritdoc cref="Datapath.SetOverlay"/>
    void SetOverlay(int ifindex);

    /// <inheritdoc cref="Datapath.PutNames"/>
    void PutNames(IReadOnlyCollection<NameRow> rows);

    /// <inheritdoc cref="Datapath.RemoveNames"/>
    void RemoveNames(IReadOnlyCollection<NetworkName> names);

    /// <inheritdoc cref="Datapath.SetRouted"/>
    void SetRouted(ushort id, bool routed);

    /// <inheritdoc cref="Datapath.SetDoors"/>
    void SetDoors(IReadOnlyCollection<PublishRow> rows);

    /// <inheritdoc cref="Datapath.SetClaims"/>
    void SetClaims(IReadOnlyCollection<ClaimRow> rows);

    /// <inheritdoc cref="Datapath.SetPrefilter"/>
    void SetPrefilter(IReadOnlyCollection<IpPrefix> prefixes);

    /// <inheritdoc cref="Datapath.BumpRevision"/>
    uint BumpRevision();

    /// <summary>Endpoints, as they are in the kernel.</summary>
    IReadOnlyList<EndpointRow> ListEndpoints();

    /// <summary>Endpoints' own addresses, as they are in the kernel.</summary>
    IReadOnlyList<LocalRow> ListLocal();

    /// <summary>Who is behind which prefix, as the kernel has it.</summary>
    IReadOnlyList<IpcacheRow> ListIpcache();

    /// <summary>The other hosts, as the kernel knows them.</summary>
    IReadOnlyList<NodeRow> ListNodes();

    /// <summary>Names that the kernel answers for.</summary>
    IReadOnlyList<NameRow> ListNames();

    /// <summary>Sources that the kernel drops at the devices.</summary>
    IReadOnlyList<IpPrefix> ListPrefilter();
}
