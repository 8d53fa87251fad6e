// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.State;

/// <summary>Outsiders to whom an administrator opened a published port (weir publish allow).</summary>
/// <param name="Container">By its name: another one under it has what it had.</param>
/// <param name="Port">The host's.</param>
public sealed record PublishAllowance(string Container, ushort Port, IpProtocol Protocol, IReadOnlyList<IpPrefix> From);
