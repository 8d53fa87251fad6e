// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Datapath;

/// <summary>Addresses that an endpoint has beside its own.</summary>
public sealed record ClaimRow(IpPrefix Prefix, ushort EndpointId);
