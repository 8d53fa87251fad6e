// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Control.Watch;

namespace Weir.Control.Endpoints;

/// <summary>The host's side of endpoints, as their manager needs it. <see cref="EndpointLinks"/> is the host's; tests have one
/// in memory.</summary>
internal interface IEndpointLinks
{
    /// <summary>Makes the pair anew; the container's end waits down in the host's namespace.</summary>
    /// <returns>The host side's ifindex.</returns>
    int Create(Endpoint endpoint, int mtu);

    /// <summary>Makes the host send the endpoint's packets down its link, without asking for its MAC.</summary>
    void AddRoutes(Endpoint endpoint, Network? network);

    /// <summary>What an endpoint's link must be like, as long as there is one and it is up.</summary>
    IEnumerable<Expectation> Expect(Endpoint endpoint, Network? network);

    /// <summary>Deletes the pair and with it routes, neighbours and programs. Nothing happens if it is gone.</summary>
    void Delete(string name);

    /// <summary>The host sides that are there: name → ifindex.</summary>
    Dictionary<string, int> List();
}
