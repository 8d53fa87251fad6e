// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>weir_endpoint (by id) and weir_local (by address).</summary>
internal sealed class EndpointTable(BpfMapMemory<EndpointEntry> endpoints, BpfMap<IpAddr, LocalEntry> local)
{
    /// <summary>Fills the slot; it counts as present only when all the rest is there.</summary>
    internal void Put(EndpointAttachment attachment)
    {
        ref EndpointEntry slot = ref SlotOf(attachment.Id);
        slot.Identity = attachment.Identity.Value;
        slot.Ifindex = (uint)attachment.Ifindex;
        slot.NetworkId = attachment.NetworkId;
        slot.Mac = EndpointProgram.MacOf(attachment.Mac);
        slot.GatewayMac = EndpointProgram.MacOf(attachment.GatewayMac);
        Thread.MemoryBarrier();
        slot.Flags = EndpointFlag.Present | (attachment.Internal ? EndpointFlag.Internal : 0) | (attachment.Routed ? EndpointFlag.Routed : 0);
    }

    internal void PutAddresses(EndpointAttachment attachment)
    {
        foreach (IPAddress address in attachment.Addresses)
        {
            local.Set(IpAddr.From(address), new LocalEntry { EndpointId = attachment.Id });
        }
    }

    internal void SetIdentity(ushort id, Identity identity) => Volatile.Write(ref SlotOf(id).Identity, identity.Value);

    internal void SetDenyAnswer(ushort id, DenyAnswer answer) => SlotOf(id).DenyAnswer = answer;

    /// <summary>Nothing happens if it is not there.</summary>
    internal void SetRouted(ushort id, bool routed)
    {
        ref EndpointEntry slot = ref SlotOf(id);
        if ((slot.Flags & EndpointFlag.Present) != 0)
        {
            slot.Flags = routed ? slot.Flags | EndpointFlag.Routed : slot.Flags & ~EndpointFlag.Routed;
        }
    }

    internal void RemoveAddresses(ushort id, IEnumerable<IPAddress> addresses)
    {
        foreach (IPAddress address in addresses)
        {
            // The address may belong to a younger endpoint by now.
            IpAddr key = IpAddr.From(address);
            if (local.TryGet(in key, out LocalEntry entry) && entry.EndpointId == id)
            {
                local.Remove(in key);
            }
        }
    }

    internal void Clear(ushort id)
    {
        ref EndpointEntry slot = ref SlotOf(id);
        slot.Flags = 0;
        Thread.MemoryBarrier();
        slot = default;
    }

    internal IReadOnlyList<EndpointRow> List()
    {
        List<EndpointRow> rows = [];
        for (int id = 1; id < endpoints.Count; id++)
        {
            EndpointEntry entry = endpoints[id];
            if ((entry.Flags & EndpointFlag.Present) != 0)
            {
                rows.Add(new EndpointRow(
                    (ushort)id,
                    new Identity(entry.Identity),
                    (int)entry.Ifindex,
                    entry.NetworkId,
                    (entry.Flags & EndpointFlag.Internal) != 0,
                    (entry.Flags & EndpointFlag.Routed) != 0,
                    ((ReadOnlySpan<byte>)entry.Mac).ToArray(),
                    entry.CtCount));
            }
        }

        return rows;
    }

    internal IReadOnlyList<LocalRow> ListAddresses() =>
        [.. local.ToList().Select(row => new LocalRow(row.Key.ToIPAddress(), (ushort)row.Value.EndpointId))];

    private ref EndpointEntry SlotOf(ushort id)
    {
        ArgumentOutOfRangeException.ThrowIfZero(id);
        return ref endpoints[id];
    }
}
