// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>A change of a frontend's backends; all zero: there was none.</summary>
/// <param name="StartedNs">CLOCK_MONOTONIC, when it began.</param>
/// <param name="LastOldNs">When a flow was last seen that the change would move.</param>
public readonly record struct ServiceChange(ulong StartedNs, ulong LastOldNs);
