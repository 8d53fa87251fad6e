// SPDX-License-Identifier: Apache-2.0

using Weir.Api;

namespace Weir.Flows.Hubble;

/// <summary>What Hubble's flows tell beside what a flow of Weir's does. Called from any thread.</summary>
public interface IHubbleContext
{
    /// <summary>This host, as the others know it.</summary>
    string NodeName { get; }

    /// <summary>Where an endpoint of this host is attached. Null: it is gone.</summary>
    EndpointPlace? PlaceOf(uint endpointId);

    /// <summary>The document that a rule is of.</summary>
    Api.Hubble.Policy PolicyOf(RuleInfo rule);

    /// <summary>What the rule names in this direction, by Cilium's numbers: 1 peers, 2 peers and ports, 3 ports, 4 neither;
    /// 0: its entries differ, or it is gone.</summary>
    uint MatchOf(RuleInfo rule, bool isIngress);
}

/// <summary>An endpoint's link.</summary>
/// <param name="Mac">"02:42:0a:d2:00:02", of the container's side.</param>
public sealed record EndpointPlace(string Interface, uint Index, string Mac);
