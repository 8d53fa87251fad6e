// SPDX-License-Identifier: Apache-2.0

namespace Weir.Agent.Doctor;

/// <summary>How much a finding matters.</summary>
internal enum Weight
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Worth knowing; maybe it is meant so.</summary>
    Note,

    /// <summary>Something does not do what it may be expected to.</summary>
    Warning,

    /// <summary>Weir does not work, or not all of it.</summary>
    Problem,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Area">"kernel", "docker", "firewall" and the like.</param>
/// <param name="What">What was found.</param>
/// <param name="Consequence">What comes of it; null: nothing.</param>
/// <param name="Remedy">What to do; null: nothing.</param>
internal sealed record Finding(string Area, Weight Weight, string What, string? Consequence = null, string? Remedy = null);
