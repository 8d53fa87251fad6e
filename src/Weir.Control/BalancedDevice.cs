// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>A device of the host that the load balancer serves.</summary>
/// <param name="Xdp">"native", "generic", "off", or what is wrong.</param>
/// <param name="IsServed">False: it is tried again.</param>
public sealed record BalancedDevice(string Name, int Ifindex, string Xdp, bool IsServed);
