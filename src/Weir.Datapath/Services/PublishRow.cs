// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Datapath;

/// <summary>Outsiders to whom a closed published port is open.</summary>
/// <param name="EndpointId">Who publishes it; 0, with port and protocol 0: to whom every port is.</param>
/// <param name="Port">The host's.</param>
/// <param name="Source">Where they are; of one family.</param>
/// <param name="Ifindex">The only device by which they are believed to come; 0: any.</param>
public sealed record PublishRow(ushort EndpointId, ushort Port, IpProtocol Protocol, IpPrefix Source, int Ifindex = 0);
