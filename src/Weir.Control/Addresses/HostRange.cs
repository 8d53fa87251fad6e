// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Addresses;

/// <summary>Addresses that the host reaches by a way of its own.</summary>
/// <param name="What">The address or route, as people know it.</param>
internal sealed record HostRange(IpPrefix Prefix, string What);
