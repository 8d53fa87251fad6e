// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Datapath;

/// <summary>A name that endpoints of one network are answered for.</summary>
/// <param name="NetworkId">This host's number of the network.</param>
public sealed record NetworkName(uint NetworkId, DnsName Name);
