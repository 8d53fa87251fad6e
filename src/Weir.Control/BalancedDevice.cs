// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>A device of the host by which packets for services may come.</summary>
/// <param name="How">"xdp native", "xdp generic", "tc only: …", or "not served: …".</param>
/// <param name="IsServed">False: packets for services that come by it are not led to a backend.</param>
/// <param name="IsSettled">False: it is tried again.</param>
public sealed record BalancedDevice(string Name, int Ifindex, string How, bool IsServed, bool IsSettled)
{
    /// <summary>Its packets have an Ethernet header.</summary>
    internal bool HasEthernet { get; init; }

    /// <summary>XDP has its packets first.</summary>
    internal bool HasXdp { get; init; }
}
