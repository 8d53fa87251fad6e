// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Policies;

/// <summary>What becomes of a flow, and why.</summary>
/// <param name="Service">The service whose address was named: "shop 203.0.113.10:80/tcp"; empty: none.</param>
/// <param name="Ways">One, or one for each backend of the service. Never empty.</param>
public sealed record FlowExplanation(string Service, IReadOnlyList<ExplainedWay> Ways)
{
    /// <summary>Whether it passes wherever it ends.</summary>
    public bool Allowed => Ways.All(way => way.Allowed);
}
