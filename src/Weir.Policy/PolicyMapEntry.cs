// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>
/// One entry of an endpoint's policy map, found by longest match. <paramref name="Identity"/> 0 is any
/// peer; <paramref name="Protocol"/> null is any protocol (then the port has no meaning);
/// <paramref name="PortPrefixLength"/> is how many leading bits of the port count, 0 to 16; <paramref name="HttpPolicyId"/> is what requests
/// are judged by, 0 where they are not looked at, and with <paramref name="HttpIsAudit"/> nothing is refused by that;
/// <paramref name="Audited"/> is who would have denied what the entry allows, if rules in audit were enforced.
/// </summary>
public readonly record struct PolicyMapEntry(
    uint Identity,
    PolicyDirection Direction,
    byte? Protocol,
    ushort Port,
    byte PortPrefixLength,
    bool Allow,
    uint RuleId,
    uint HttpPolicyId = 0,
    bool HttpIsAudit = false,
    AuditRefusal? Audited = null);
