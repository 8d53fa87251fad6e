// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Datapath;

/// <summary>What the datapath knows of a flow that it sent to the proxy.</summary>
/// <param name="SourceEndpoint">0: not a local endpoint.</param>
/// <param name="HttpEgress">Number of the HTTP policy of the source's end; 0: it does not look at requests.</param>
/// <param name="HttpIngress">Likewise of the destination's end.</param>
/// <param name="Revision">The policy revision under which this was decided.</param>
public readonly record struct ProxyFlow(
    Identity Source,
    Identity Destination,
    ushort SourceEndpoint,
    ushort DestinationEndpoint,
    uint HttpEgress,
    uint HttpIngress,
    uint Revision);
