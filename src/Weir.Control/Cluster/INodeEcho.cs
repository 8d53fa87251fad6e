// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>Sends packets to other nodes by the way that traffic takes.</summary>
internal interface INodeEcho
{
    /// <summary>One packet, and its answer.</summary>
    /// <returns>Null: it cannot be sent that way at all.</returns>
    Task<NodeEchoResult?> AskAsync(NodeView node, TimeSpan patience, CancellationToken cancel);
}

/// <param name="RoundTrip">Null: there was no answer.</param>
/// <param name="Problem">What the kernel said to it; null: nothing.</param>
internal sealed record NodeEchoResult(TimeSpan? RoundTrip, string? Problem = null);
