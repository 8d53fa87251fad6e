// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf.Btf;

/// <summary>A field, an enum value, or a variable of a section.</summary>
/// <param name="TypeId">Its type's number; 0 for an enum value.</param>
/// <param name="Value">Field: offset in bytes. Enum: value. Variable: offset. Array: length.</param>
public sealed record BtfMember(string Name, int TypeId, long Value);
