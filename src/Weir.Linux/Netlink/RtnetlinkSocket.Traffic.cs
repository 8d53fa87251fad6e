// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Weir.Linux.Netlink;

/// <content>Queueing disciplines and filters.</content>
public sealed partial class RtnetlinkSocket
{
    /// <summary>Adds the clsact queueing discipline that carries filters. Nothing happens if it is there.</summary>
    public void AddClsact(int ifindex)
    {
        const ushort AttributeKind = 1;
        string what = $"add clsact to interface {ifindex}";
        int errno = _socket.Request(
            new NetlinkMessage(RouteMessageType.NewQdisc, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Exclusive)
                .Fixed(new TrafficMessage { Index = ifindex, Handle = TrafficMessage.ClsactHandle, Parent = TrafficMessage.ClsactParent })
                .Text(AttributeKind, "clsact"),
            what,
            [Errno.Exists]);
        if (errno == Errno.Exists && IngressDiscipline(ifindex) is { } other and not "clsact")
        {
            throw new LinuxException(Errno.Exists, what, $"its place is taken by a queueing discipline \"{other}\"; remove that: tc qdisc del dev DEVICE ingress");
        }
    }

    /// <summary>Removes clsact with all its filters. Nothing happens if it, or the interface, is gone.</summary>
    public void DeleteClsact(int ifindex) => _socket.Request(
        new NetlinkMessage(RouteMessageType.DeleteQdisc, NetlinkFlags.Ack)
            .Fixed(new TrafficMessage { Index = ifindex, Handle = TrafficMessage.ClsactHandle, Parent = TrafficMessage.ClsactParent }),
        $"remove clsact from interface {ifindex}",
        [Errno.NoEntry, Errno.Invalid, Errno.NoDevice]);

    /// <summary>Attaches a program as direct-action filter (priority 1, handle 1), in place of what is
    /// there: no packet passes between the old program and the new.</summary>
    /// <param name="name">Shown by tc.</param>
    public void ReplaceBpfFilter(int ifindex, bool ingress, int progFd, string name) =>
        ReplaceBpfFilter(ifindex, ingress, progFd, name, priority: 1, handle: 1);

    /// <summary>The same beside filters of others, told apart by priority and handle.</summary>
    public void ReplaceBpfFilter(int ifindex, bool ingress, int progFd, string name, ushort priority, uint handle)
    {
        const ushort AttributeKind = 1;
        const ushort AttributeOptions = 2;
        const ushort BpfFd = 6;
        const ushort BpfName = 7;
        const ushort BpfFlags = 8;
        const uint DirectAction = 1;
        NetlinkMessage message = new NetlinkMessage(RouteMessageType.NewFilter, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Replace)
            .Fixed(FilterOf(ifindex, ingress, priority, handle))
            .Text(AttributeKind, "bpf");
        int options = message.Begin(AttributeOptions);
        message.UInt32(BpfFd, (uint)progFd).Text(BpfName, name).UInt32(BpfFlags, DirectAction);
        message.End(options);
        _socket.Request(message, $"attach {name} to {(ingress ? "ingress" : "egress")} of interface {ifindex}");
    }

    /// <summary>Removes that one filter. Nothing happens if it, or the interface, is gone.</summary>
    public void DeleteBpfFilter(int ifindex, bool ingress, ushort priority, uint handle)
    {
        const ushort AttributeKind = 1;
        _socket.Request(
            new NetlinkMessage(RouteMessageType.DeleteFilter, NetlinkFlags.Ack)
                .Fixed(FilterOf(ifindex, ingress, priority, handle))
                .Text(AttributeKind, "bpf"),
            $"remove filter from {(ingress ? "ingress" : "egress")} of interface {ifindex}",
            [Errno.NoEntry, Errno.Invalid, Errno.NoDevice]);
    }

    /// <summary>The filters of a device's clsact, in the order in which they see packets.</summary>
    public IReadOnlyList<BpfFilterInfo> ListBpfFilters(int ifindex, bool ingress)
    {
        List<BpfFilterInfo> filters = [];
        try
        {
            _socket.Dump(
                new NetlinkMessage(RouteMessageType.GetFilter, NetlinkFlags.Dump).Fixed(new TrafficMessage
                {
                    Index = ifindex,
                    Parent = ingress ? TrafficMessage.IngressParent : TrafficMessage.EgressParent,
                }),
                $"list filters of interface {ifindex}",
                filters.Clear,
                (type, payload) =>
                {
                    if (type == RouteMessageType.NewFilter && ReadFilter(payload) is { Handle: > 0 } filter)
                    {
                        filters.Add(filter);
                    }
                });
        }
        catch (LinuxException e) when (e.Number is Errno.NoEntry or Errno.Invalid or Errno.NoDevice)
        {
            return []; // no such discipline
        }

        return filters;
    }

    /// <summary>The kind of discipline in the place that is clsact's; null: none.</summary>
    private string? IngressDiscipline(int ifindex)
    {
        const ushort AttributeKind = 1;
        string? kind = null;
        _socket.Dump(
            new NetlinkMessage(RouteMessageType.GetQdisc, NetlinkFlags.Dump).Fixed(new TrafficMessage { Index = ifindex }),
            $"list queueing disciplines of interface {ifindex}",
            () => kind = null,
            (type, payload) =>
            {
                TrafficMessage fixedPart = MemoryMarshal.Read<TrafficMessage>(payload);
                if (type == RouteMessageType.NewQdisc && fixedPart.Index == ifindex && fixedPart.Parent == TrafficMessage.ClsactParent)
                {
                    var attributes = new AttributeReader(payload[20..]);
                    while (attributes.MoveNext())
                    {
                        kind = attributes.Type == AttributeKind ? attributes.Text : kind;
                    }
                }
            });
        return kind;
    }

    private static BpfFilterInfo ReadFilter(ReadOnlySpan<byte> payload)
    {
        const ushort AttributeOptions = 2;
        const ushort BpfId = 11;
        TrafficMessage fixedPart = MemoryMarshal.Read<TrafficMessage>(payload);
        uint program = 0;
        var attributes = new AttributeReader(payload[20..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == AttributeOptions)
            {
                var options = new AttributeReader(attributes.Value);
                while (options.MoveNext())
                {
                    program = options.Type == BpfId ? options.UInt32 : program;
                }
            }
        }

        return new BpfFilterInfo((ushort)(fixedPart.Info >> 16), fixedPart.Handle, program);
    }

    private static TrafficMessage FilterOf(int ifindex, bool ingress, ushort priority, uint handle)
    {
        const uint EveryProtocol = 0x0300; // ETH_P_ALL in network order
        return new TrafficMessage
        {
            Index = ifindex,
            Handle = handle,
            Parent = ingress ? TrafficMessage.IngressParent : TrafficMessage.EgressParent,
            Info = ((uint)priority << 16) | EveryProtocol,
        };
    }
}
