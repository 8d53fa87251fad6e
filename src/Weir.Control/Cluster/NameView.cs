// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Control.Cluster;

/// <summary>A name that containers of a network are answered for, for people.</summary>
/// <param name="Addresses">Each with its node, empty for a service's, and with what has it: a container, a service.</param>
/// <param name="IsService">It is a service's; else containers'.</param>
public sealed record NameView(string Name, IReadOnlyList<(IPAddress Address, string Node, string Of)> Addresses, bool IsService);
