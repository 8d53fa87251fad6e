// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control.State;

/// <summary>A range of a network, and the address by which containers leave it.</summary>
public sealed record Subnet(IpPrefix Pool, IPAddress Gateway);
