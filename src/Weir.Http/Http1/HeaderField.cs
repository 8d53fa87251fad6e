// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>Where a header stands in its head; the value without white space around it.</summary>
internal readonly record struct HeaderField(int NameStart, int NameLength, int ValueStart, int ValueLength);
