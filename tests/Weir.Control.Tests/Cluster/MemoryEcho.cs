// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Weir.Control.Cluster;

namespace Weir.Control.Tests.Cluster;

/// <summary>Ways between nodes in memory.</summary>
internal sealed class MemoryEcho : INodeEcho
{
    /// <summary>Names of nodes that no packet reaches.</summary>
    internal ConcurrentDictionary<string, bool> Cut { get; } = new();

    /// <summary>How many answers of a node are lost next.</summary>
    internal ConcurrentDictionary<string, int> Lose { get; } = new();

    /// <summary>Who was asked how often.</summary>
    internal ConcurrentDictionary<string, int> Asked { get; } = new();

    public Task<NodeEchoResult?> AskAsync(NodeView node, TimeSpan patience, CancellationToken cancel)
    {
        Asked.AddOrUpdate(node.Name, 1, (_, count) => count + 1);
        if (Lose.GetValueOrDefault(node.Name) > 0)
        {
            Lose[node.Name]--;
            return Task.FromResult<NodeEchoResult?>(new NodeEchoResult(null));
        }

        return Task.FromResult<NodeEchoResult?>(Cut.ContainsKey(node.Name) ? new NodeEchoResult(null, "no route to host") : new NodeEchoResult(TimeSpan.FromMilliseconds(node.IsOverlay ? 3 : 2)));
    }
}
