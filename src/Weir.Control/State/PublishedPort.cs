// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control.State;

/// <summary>A port of the host's that leads to a container (docker run -p).</summary>
/// <param name="ContainerPort">Where the container listens.</param>
/// <param name="HostAddress">Null: every address of the host.</param>
/// <param name="HostPort">On the host.</param>
public sealed record PublishedPort(IpProtocol Protocol, ushort ContainerPort, IPAddress? HostAddress, ushort HostPort)
{
    public override string ToString() => $"{(HostAddress is null ? "" : HostAddress + ":")}{HostPort}->{ContainerPort}/{Protocol.Name()}";
}
