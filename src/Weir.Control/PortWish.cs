// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Net;

namespace Weir.Control;

/// <summary>A port that a container wants published.</summary>
/// <param name="HostAddress">Null: on every address of the host.</param>
/// <param name="FirstHostPort">Any that is free from here to <paramref name="LastHostPort"/>; both 0: any at all.</param>
public sealed record PortWish(IpProtocol Protocol, ushort ContainerPort, IPAddress? HostAddress, ushort FirstHostPort, ushort LastHostPort);
