// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Differences;

namespace Weir.Policy.Comparison;

/// <summary>A <see cref="PolicyDifference"/> without its ends.</summary>
internal sealed record FlowChange(
    ComparedPorts Ports, string Before, string After, RequestExample? Opened, RequestExample? Closed, IReadOnlyList<string> Was, IReadOnlyList<string> Is, string Unproved)
{
    /// <summary>Equal for the same change, but for its ports.</summary>
    public string Kind { get; } = string.Join('\n', [Before, After, Opened?.ToString() ?? "", Closed?.ToString() ?? "", Unproved, .. Was, "→", .. Is]);

    /// <summary>Equal for the same change.</summary>
    public string Key => $"{Ports}\n{Kind}";
}
