// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>
/// What port names mean at the destination of a connection. Endpoints with the same labels share an
/// identity but can name ports differently: then each of their meanings counts.
/// </summary>
internal sealed class PortNames
{
    private readonly IReadOnlyList<IReadOnlyDictionary<string, NamedPort>> _tables;

    private PortNames(IReadOnlyList<IReadOnlyDictionary<string, NamedPort>> tables) => _tables = tables;

    public static PortNames None { get; } = new([]);

    public bool IsEmpty => _tables.Count == 0;

    public static PortNames Of(PolicyPeer peer) => peer.NamedPorts is { Count: > 0 } table ? new([table]) : None;

    /// <summary>Each of the names stands for this port.</summary>
    public static PortNames Of(IReadOnlyList<string> names, NamedPort port) =>
        names.Count == 0 ? None : new([names.ToDictionary(name => name, _ => port)]);

    public PortNames And(PortNames other) => other.IsEmpty ? this : new([.. _tables, .. other._tables]);

    /// <summary>The ports a selector by name stands for; several times the same where endpoints agree.</summary>
    public IEnumerable<NamedPort> Resolve(PortSelector selector)
    {
        foreach (var table in _tables)
        {
            if (table.TryGetValue(selector.Name!, out var port)
                && (selector.Protocol is null || selector.Protocol == port.Protocol))
            {
                yield return port;
            }
        }
    }

    public bool Matches(PortSelector selector, IpProtocol protocol, ushort port)
    {
        for (var i = 0; i < _tables.Count; i++)
        {
            if (_tables[i].TryGetValue(selector.Name!, out var named)
                && (selector.Protocol is null || selector.Protocol == named.Protocol)
                && named.Protocol == protocol
                && named.Port == port)
            {
                return true;
            }
        }

        return false;
    }
}
