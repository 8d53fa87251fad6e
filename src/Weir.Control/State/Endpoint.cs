// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.State;

/// <summary>A container's place on a network.</summary>
public sealed record Endpoint
{
    /// <summary>More aliases of one endpoint are not heard of.</summary>
    public const int MostAliases = 16;

    /// <summary>The datapath's number, 1 to 4095.</summary>
    public required ushort Id { get; init; }

    /// <summary>The runtime's name for it.</summary>
    public required string ExternalId { get; init; }

    /// <summary>The runtime's name for its network.</summary>
    public required string NetworkId { get; init; }

    public IPAddress? Ipv4 { get; init; }

    public IPAddress? Ipv6 { get; init; }

    /// <summary>Of the container's side; the only source it may use.</summary>
    public required byte[] Mac { get; init; }

    public required DateTimeOffset Created { get; init; }

    public EndpointState State { get; init; }

    public Identity Identity { get; init; } = Identity.Init;

    public LabelSet Labels { get; init; } = LabelSet.Empty;

    /// <summary>What runs behind it; null until the runtime told.</summary>
    public string? WorkloadId { get; init; }

    /// <summary>What people call it; empty until the runtime told.</summary>
    public string Name { get; init; } = "";

    public string Image { get; init; } = "";

    /// <summary>What its network knows its container by besides; empty until the runtime told.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Ports of the host's that lead here.</summary>
    public IReadOnlyList<PublishedPort> Published { get; init; } = [];

    /// <summary>Its container's label "weir.publish"; null: it has none.</summary>
    public WorkloadLabel? Doors { get; init; }

    /// <summary>Its container's label "weir.addresses"; null: it has none.</summary>
    public WorkloadLabel? Claims { get; init; }

    public int Ifindex { get; init; }

    /// <summary>The file by which the runtime names its network namespace; "" if it did not.</summary>
    public string NamespacePath { get; init; } = "";

    /// <summary>The kernel's number for that namespace; 0: it is not known yet.</summary>
    public ulong NamespaceCookie { get; init; }

    /// <summary>Which build of the program is attached.</summary>
    public string Program { get; init; } = "";

    /// <summary>The host's side of the veth pair.</summary>
    public string LinkName => LinkNames.Host(ExternalId);

    public IEnumerable<IPAddress> Addresses => new[] { Ipv4, Ipv6 }.OfType<IPAddress>();
}
