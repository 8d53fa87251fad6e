// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Claims;

/// <summary>Who gets which addresses beside its own.</summary>
/// <param name="Problems">By the runtime's name of an endpoint: what it asks for and does not get, and why.</param>
internal sealed record ClaimPlan(IReadOnlyList<(Endpoint Endpoint, IpPrefix Prefix)> Granted, IReadOnlyDictionary<string, string> Problems)
{
    internal static ClaimPlan Empty { get; } = new([], new Dictionary<string, string>());
}
