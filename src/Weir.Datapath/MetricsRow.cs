// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>Packets that ended in one way since the maps were made; <see cref="DropReason.None"/>: passed.</summary>
public readonly record struct MetricsRow(Direction Direction, DropReason Reason, ulong Packets, ulong Bytes);
