// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;

namespace Weir.Control.Cluster;

/// <summary>What somebody wants to change of services.</summary>
/// <param name="Put">Those that are new or other than they are.</param>
/// <param name="Deleted">By name.</param>
internal sealed record ServiceProposal(IReadOnlyList<KeptService> Put, IReadOnlyList<string> Deleted)
{
    internal bool IsEmpty => Put.Count + Deleted.Count == 0;
}
