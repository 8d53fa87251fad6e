// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Datapath;

/// <summary>One of the endpoints that a container's network namespace has.</summary>
public readonly record struct NamespaceRow(ushort EndpointId, IPAddress? Ipv4, IPAddress? Ipv6);
