// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Tests;

/// <summary>What the datapath does with the entries: longest match for the identity, then for identity 0.</summary>
internal sealed class PolicyMapLookup
{
    private readonly Dictionary<(uint, PolicyDirection, byte?, ushort, byte), PolicyMapEntry> _entries;

    /// <exception cref="ArgumentException">Two entries have the same key.</exception>
    public PolicyMapLookup(IEnumerable<PolicyMapEntry> entries) =>
        _entries = entries.ToDictionary(entry => (entry.Identity, entry.Direction, entry.Protocol, entry.Port, entry.PortPrefixLength));

    public (bool Allow, uint RuleId, uint HttpPolicyId, bool HttpIsAudit, AuditRefusal? Audited) Find(Identity identity, PolicyDirection direction, IpProtocol protocol, ushort port) =>
        Longest(identity.Value, direction, protocol, port) ?? Longest(0, direction, protocol, port) ?? (false, 0, 0, false, null);

    private (bool Allow, uint RuleId, uint HttpPolicyId, bool HttpIsAudit, AuditRefusal? Audited)? Longest(uint identity, PolicyDirection direction, IpProtocol protocol, ushort port)
    {
        for (var length = 16; length >= 0; length--)
        {
            var masked = (ushort)(port & ~((1 << (16 - length)) - 1));
            if (_entries.TryGetValue((identity, direction, (byte)protocol, masked, (byte)length), out var entry))
            {
                return (entry.Allow, entry.RuleId, entry.HttpPolicyId, entry.HttpIsAudit, entry.Audited);
            }
        }

        return _entries.TryGetValue((identity, direction, null, 0, 0), out var any) ? (any.Allow, any.RuleId, any.HttpPolicyId, any.HttpIsAudit, any.Audited) : null;
    }
}
