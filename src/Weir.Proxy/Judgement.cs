// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Rules;

namespace Weir.Proxy;

/// <summary>What both ends' policies say to one request.</summary>
/// <param name="Ingress">Whether the destination's end decided.</param>
/// <param name="Mended">Headers to be mended before the request is passed on.</param>
internal readonly record struct Judgement(AccessVerdict Verdict, uint RuleId, bool Ingress, string Detail, IReadOnlyList<HeaderRule> Mended)
{
    /// <summary>The HTTP policy that refuses it; 0: none does.</summary>
    public uint Policy { get; init; }
}
