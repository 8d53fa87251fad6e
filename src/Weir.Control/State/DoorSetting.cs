// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>Who comes in by published ports where nothing says so.</summary>
/// <param name="IsLeftOpen">Nobody decided: this installation is from when all doors were open.</param>
internal sealed record DoorSetting(DoorMode Mode, bool IsLeftOpen);
