// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Tests;

/// <summary>Peers the tests speak of.</summary>
internal static class Peers
{
    private static uint _next = Identity.FirstAllocated;

    public static PolicyPeer Host { get; } = PolicyPeer.ForReserved(Identity.Host);

    public static PolicyPeer World4 { get; } = PolicyPeer.ForReserved(Identity.WorldIpv4);

    public static PolicyPeer World6 { get; } = PolicyPeer.ForReserved(Identity.WorldIpv6);

    public static PolicyPeer Init { get; } = PolicyPeer.ForReserved(Identity.Init);

    public static PolicyPeer Container(params string[] labels) =>
        new(new Identity(Interlocked.Increment(ref _next)), LabelSet.Parse(labels.Select(label => "container:" + label)), null);

    public static PolicyPeer WithPorts(this PolicyPeer peer, params (string Name, ushort Port, IpProtocol Protocol)[] ports) =>
        peer with { NamedPorts = ports.ToDictionary(port => port.Name, port => new NamedPort(port.Port, port.Protocol)) };

    public static PolicyPeer Cidr(string prefix) =>
        PolicyPeer.ForCidr(Identity.ForCidr((uint)Interlocked.Increment(ref _next)), IpPrefix.Parse(prefix));
}
