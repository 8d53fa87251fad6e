// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Heads;

/// <summary>A <see cref="HeadStep"/> before states have numbers.</summary>
internal readonly record struct HeadMove(HeadAction Action, int Argument, HeadState Next);
