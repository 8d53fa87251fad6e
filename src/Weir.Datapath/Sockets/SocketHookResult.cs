// SPDX-License-Identifier: Apache-2.0
namespace Weir.Datapath;

/// <summary>What attaching the socket hook did.</summary>
/// <param name="Attached">Programs that were not there before.</param>
/// <param name="Replaced">Programs that took the place of older ones, without a gap.</param>
public sealed record SocketHookResult(int Attached, int Replaced);
