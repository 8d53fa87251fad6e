// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Net;

namespace Weir.Linux.Netlink;

/// <summary>A route that leads somewhere.</summary>
/// <param name="Ifindex">Of the device that it leads out by; 0: there are several.</param>
/// <param name="Gateway">Null: there is none, or several.</param>
/// <param name="IsLocal">What arrives there is for this host itself.</param>
public sealed record HostRoute(IpPrefix Destination, int Ifindex, IPAddress? Gateway, uint Table, bool IsLocal);
