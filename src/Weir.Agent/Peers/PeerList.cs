// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Cluster;

namespace Weir.Agent.Peers;

/// <summary>The other nodes, as the shared store says.</summary>
/// <param name="nodes">All that are known, this one among them.</param>
internal sealed class PeerList(Func<IReadOnlyList<NodeView>> nodes)
{
    /// <summary>A node by its name, silent or not; null: none has it.</summary>
    internal NodeView? Find(string name) => nodes().FirstOrDefault(node => node.Name == name);

    /// <summary>Whether some node that is alive speaks from that address: whoever does not, is not worth a handshake.</summary>
    internal bool IsNodes(IPAddress address) => nodes().Any(node => MayAsk(node, address));

    /// <summary>Whose certificate it is, if he is alive and speaks from his own address.</summary>
    internal NodeView? FindByCertificate(string hash, IPAddress address) => nodes().FirstOrDefault(node => node.Door?.Certificate == hash && MayAsk(node, address));

    /// <summary>A silent one asks nothing: its key may be another's by now.</summary>
    private static bool MayAsk(NodeView node, IPAddress address) =>
        node is { IsSelf: false, Silence: null } && node.Addresses.Contains(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
}
