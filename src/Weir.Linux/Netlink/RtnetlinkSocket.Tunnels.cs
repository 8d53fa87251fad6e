// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Weir.Linux.Netlink;

/// <content>Tunnels.</content>
public sealed partial class RtnetlinkSocket
{
    /// <summary>Makes a VXLAN device, up, whose packets say themselves where they go and what number they carry ("external",
    /// "collect metadata"). Over IPv4 and IPv6; nothing is learned, nothing flooded,
    /// and no neighbour is asked for.</summary>
    /// <param name="port">The UDP port of all such tunnels.</param>
    /// <param name="mtu">What fits into the tunnel's packets.</param>
    /// <returns>Its ifindex.</returns>
    /// <exception cref="LinuxException">Among others: it, or another device with that port, is there.</exception>
    public int CreateVxlan(string name, ushort port, int mtu)
    {
        const ushort VxlanLearning = 7;
        const ushort VxlanPort = 15;
        const ushort VxlanZeroChecksum6Receive = 20;
        const ushort VxlanCollectMetadata = 25;
        string what = $"create VXLAN device {name} with port {port}";
        Span<byte> portBytes = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16BigEndian(portBytes, port);
        NetlinkMessage message = new NetlinkMessage(RouteMessageType.NewLink, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Exclusive)
            .Fixed(new LinkMessage { Flags = LinkMessage.FlagUp | LinkMessage.FlagNoArp, Change = LinkMessage.FlagUp | LinkMessage.FlagNoArp })
            .Text(LinkName, name)
            .UInt32(LinkMtu, (uint)mtu);
        int info = message.Begin(LinkLinkInfo);
        message.Text(InfoKind, "vxlan");
        int data = message.Begin(InfoData);
        message.Bytes(VxlanCollectMetadata, [1])
            .Bytes(VxlanLearning, [0])
            .Bytes(VxlanZeroChecksum6Receive, [1])
            .Bytes(VxlanPort, portBytes);
        message.End(data);
        message.End(info);
        _socket.Request(message, what);
        return GetLink(name)?.Index ?? throw new LinuxException(Errno.NoDevice, what, "it vanished at once");
    }
}
