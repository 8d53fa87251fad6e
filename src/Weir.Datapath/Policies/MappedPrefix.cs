// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>Prefixes as tries hold them: IPv4 inside ::ffff:0:0/96.</summary>
internal static class MappedPrefix
{
    private const int Ipv4Offset = 96; // bits before an IPv4 address in its mapped form

    internal static uint LengthOf(IpPrefix prefix) => (uint)(prefix.Length + (prefix.IsIpv6 ? 0 : Ipv4Offset));

    internal static IpAddr AddressOf(IpPrefix prefix) => IpAddr.From(prefix.Masked.Address);

    internal static IpPrefix From(IpAddr address, uint length)
    {
        IPAddress plain = address.ToIPAddress();
        return new IpPrefix(plain, (int)length - (plain.AddressFamily == AddressFamily.InterNetwork ? Ipv4Offset : 0));
    }
}
