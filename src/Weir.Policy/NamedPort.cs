// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>What a port name of an endpoint stands for.</summary>
public readonly record struct NamedPort(ushort Port, IpProtocol Protocol);
