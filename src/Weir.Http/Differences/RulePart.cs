// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Differences;

/// <summary>A text, and the rules that it fulfils as a part of a request.</summary>
internal sealed record RulePart(ulong[] Mask, byte[] Text);
