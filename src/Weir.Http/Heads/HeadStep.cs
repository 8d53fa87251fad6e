// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Heads;

/// <summary>Where a byte leads, and what is done there.</summary>
/// <param name="Argument">Of the action; else 0.</param>
/// <param name="Next">A state's number.</param>
public readonly record struct HeadStep(HeadAction Action, int Argument, int Next);
