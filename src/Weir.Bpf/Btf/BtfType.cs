// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf.Btf;

/// <summary>One type of a BTF section.</summary>
/// <param name="Id">Its number, from 1.</param>
/// <param name="SizeOrType">Size in bytes for what has one; else the number of the type referred to.</param>
/// <param name="Members">Fields, enum values or a section's variables; an array's element is one member
/// whose value is the length.</param>
public sealed record BtfType(int Id, BtfKind Kind, string Name, uint SizeOrType, IReadOnlyList<BtfMember> Members);
