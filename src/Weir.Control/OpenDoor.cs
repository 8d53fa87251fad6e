// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>Outsiders who may come in by a published port.</summary>
/// <param name="To">"world", or a prefix.</param>
/// <param name="Why">What opens it: the setting, a rule of policy, a label, an administrator.</param>
/// <param name="IsDenied">Policy denies them nevertheless.</param>
public sealed record OpenDoor(string To, string Why, bool IsDenied);
