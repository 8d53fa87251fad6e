// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Policy.Evaluation;

/// <summary>A <see cref="PolicyMapEntry"/> without its identity and direction.</summary>
internal readonly record struct FlatEntry(byte? Protocol, ushort Port, byte PortPrefixLength, bool Allow, uint RuleId, HttpPolicy? Http, AuditRefusal? Audited);
