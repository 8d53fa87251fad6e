// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Services;

/// <summary>What the last tries at a backend said.</summary>
/// <param name="Detail">What is wrong; empty: nothing.</param>
internal sealed record BackendHealth(bool IsHealthy, string Detail)
{
    internal static BackendHealth Good => new(true, "");

    internal static BackendHealth Untried => new(false, "not tried yet");
}
