// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control.Reconciling;

/// <summary>What a step is about. What fails is kept by it, and keeps nothing else from going on.</summary>
/// <param name="What">For people: "what policy says for endpoint 5".</param>
/// <param name="Endpoint">The endpoint that suffers where it fails; 0: none, or several.</param>
internal sealed record StepObject(string What, ushort Endpoint = 0)
{
    /// <summary>What policy is built upon: where it fails, no step about an endpoint's policy is taken.</summary>
    internal static StepObject Policy { get; } = new("what policy says");

    internal static StepObject Host { get; } = new("the host's settings");

    internal static StepObject Claims { get; } = new("addresses that containers have by their labels");

    internal static StepObject Doors { get; } = new("who comes in by published ports");

    internal static StepObject Prefilter { get; } = new("the prefilter");

    internal static StepObject Nodes { get; } = new("the ways to other nodes");

    internal static StepObject Names { get; } = new("names of containers and services");

    internal static StepObject Overlay { get; } = new("the overlay to other nodes");

    internal static StepObject Masquerading { get; } = new("masquerading");

    /// <summary>Whether it is built upon <see cref="Policy"/>.</summary>
    internal bool IsOfPolicy { get; private init; }

    internal static StepObject OfEndpoint(ushort id) => new($"what policy says for endpoint {id}", id) { IsOfPolicy = true };

    internal static StepObject OfNode(IPAddress node) => new($"the way to node {node}");

    internal static StepObject OfRange(IpPrefix pool) => new($"the host's way to {pool}");

    internal static StepObject OfService(string name) => new($"service {name}");

    internal static StepObject OfClaims(ushort endpoint) => new($"addresses that endpoint {endpoint} has by its label", endpoint);
}
