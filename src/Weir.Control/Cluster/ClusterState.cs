// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>How this node stands with the others.</summary>
/// <param name="Since">When it became so.</param>
/// <param name="Problem">Null: what the others say is heard at once; else why it is not, and what is known of them is of
/// <paramref name="Since"/>.</param>
public sealed record ClusterState(DateTimeOffset Since, string? Problem)
{
    public bool IsConnected => Problem is null;
}
