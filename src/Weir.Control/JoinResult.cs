// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Weir.Control;

/// <summary>What the runtime does to plug a container in.</summary>
/// <param name="LinkName">The veth end to move into the container.</param>
public sealed record JoinResult(string LinkName, IPAddress? Gateway4, IPAddress? Gateway6);
