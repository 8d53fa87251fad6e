// SPDX-License-Identifier: Apache-2.0
namespace Weir.Control;

/// <summary>Something about this host that takes from what Weir can do on it.</summary>
/// <param name="What">What is so: "IPv6 is off".</param>
/// <param name="Consequence">What does not work, or works less well.</param>
/// <param name="Remedy">What to do where that matters.</param>
public sealed record HostLimit(string What, string Consequence, string Remedy)
{
    public override string ToString() => $"{What}: {Consequence}; {Remedy}";
}
