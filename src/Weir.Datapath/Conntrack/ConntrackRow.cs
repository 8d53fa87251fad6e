// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>A flow, from the end that opened it to the other.</summary>
/// <param name="SourcePort">ICMP echo: its id.</param>
/// <param name="SourceEndpoint">0: not a local endpoint.</param>
/// <param name="ExpiresNs">CLOCK_MONOTONIC.</param>
/// <param name="Packets">Both directions.</param>
/// <param name="FrontendId">The service address that it was opened to; 0: none.</param>
/// <param name="HttpWhy">Why the proxy judges its HTTP requests, if it does.</param>
public readonly record struct ConntrackRow(
    IPAddress Source,
    ushort SourcePort,
    IPAddress Destination,
    ushort DestinationPort,
    IpProtocol Protocol,
    Identity SourceIdentity,
    Identity DestinationIdentity,
    ushort SourceEndpoint,
    ushort DestinationEndpoint,
    uint Revision,
    ulong CreatedNs,
    ulong ExpiresNs,
    uint Packets,
    ulong Bytes,
    CtFlag Flags,
    uint FrontendId = 0,
    HttpWhy HttpWhy = HttpWhy.Unknown);
