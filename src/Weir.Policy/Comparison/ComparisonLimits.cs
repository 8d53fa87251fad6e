// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Comparison;

/// <summary>How much is compared before it is said that not everything was.</summary>
/// <param name="Classes">Of containers, told apart by the labels that rules ask for.</param>
/// <param name="Pairs">Of classes.</param>
/// <param name="Names">Of ports, in all combinations.</param>
/// <param name="Described">Parts of one set of containers that are described.</param>
public sealed record ComparisonLimits(int Classes = 4096, long Pairs = 6_000_000, int Names = 5, int Described = 64);
