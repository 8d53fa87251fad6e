// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;

namespace Weir.Control.Cluster;

/// <summary>Measures the way to each other node again and again. Each node sees for itself: what is between two others it does not
/// know, and nothing of this goes to the shared store.</summary>
internal sealed class NodeProber : IDisposable
{
    /// <summary>One packet may be lost anywhere.</summary>
    private const int MostMissed = 3;

    private const int MostPerSecond = 20; // of all nodes together

    private readonly Func<IReadOnlyList<NodeView>> _nodes;
    private readonly INodeEcho _echo;
    private readonly TimeProvider _time;
    private readonly TimeSpan _every;
    private readonly TimeSpan _patience;
    private readonly ConcurrentDictionary<string, Probed> _probed = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private Task _work = Task.CompletedTask;

    /// <param name="nodes">Those that are known.</param>
    /// <param name="every">How often each is asked, if they are few.</param>
    internal NodeProber(Func<IReadOnlyList<NodeView>> nodes, INodeEcho echo, TimeProvider time, TimeSpan every)
    {
        _nodes = nodes;
        _echo = echo;
        _time = time;
        _every = every;
        _patience = every < TimeSpan.FromSeconds(1) ? every : TimeSpan.FromSeconds(1);
    }

    internal static TimeSpan UsualEvery { get; } = TimeSpan.FromSeconds(2);

    /// <summary>What was found out about a node.</summary>
    internal NodeReach ReachOf(NodeView node) => _probed.TryGetValue(node.Name, out Probed? probed) && probed.Way == WayOf(node) ? probed.Reach : new NodeReach(NodeState.Alive);

    internal void Start() => _work = Task.Run(RunAsync);

    public void Dispose()
    {
        _stop.Cancel();
        _work.GetAwaiter().GetResult();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            NodeView[] others = Look();
            Random.Shared.Shuffle(others);
            TimeSpan pause = _every / Math.Max(1, others.Length);
            TimeSpan least = TimeSpan.FromSeconds(1.0 / MostPerSecond);
            foreach (NodeView node in others)
            {
                _ = ProbeAsync(node);
                await WaitAsync(pause > least ? pause : least);
            }

            if (others.Length == 0)
            {
                await WaitAsync(_every);
            }
        }
    }

    /// <summary>Not all nodes in step.</summary>
    private async Task WaitAsync(TimeSpan pause) =>
        await Task.Delay(pause * (0.75 + (Random.Shared.NextDouble() / 2)), _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>Who is there now; what was found out about others is forgotten.</summary>
    private NodeView[] Look()
    {
        NodeView[] others = [.. _nodes().Where(node => !node.IsSelf)];
        foreach (string gone in _probed.Keys.Except(others.Select(node => node.Name)).ToList())
        {
            _probed.TryRemove(gone, out _);
        }

        return others;
    }

    private async Task ProbeAsync(NodeView node)
    {
        NodeEchoResult? result;
        try
        {
            result = await _echo.AskAsync(node, _patience, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        if (result is null)
        {
            _probed.TryRemove(node.Name, out _);
            return;
        }

        DateTimeOffset now = _time.GetUtcNow();
        _probed.AddOrUpdate(node.Name, _ => Probed.First(WayOf(node), result, now), (_, known) => known.Way == WayOf(node) ? known.Then(result, now) : Probed.First(WayOf(node), result, now));
    }

    /// <summary>What was measured is of one way to one host.</summary>
    private static string WayOf(NodeView node) => $"{node.Instance} {node.Address} {(node.IsOverlay ? "overlay" : "direct")}";

    /// <param name="Missed">Answers that did not come since the last that did.</param>
    /// <param name="MissedSince">When the first of them was missed.</param>
    private sealed record Probed(string Way, NodeReach Reach, int Missed, DateTimeOffset MissedSince)
    {
        internal static Probed First(string way, NodeEchoResult result, DateTimeOffset now) => new Probed(way, new NodeReach(NodeState.Alive), 0, now).Then(result, now);

        internal Probed Then(NodeEchoResult result, DateTimeOffset now)
        {
            if (result.RoundTrip is { } roundTrip)
            {
                DateTimeOffset since = Reach.State == NodeState.Ready ? Reach.Since ?? now : now;
                return this with { Missed = 0, Reach = new NodeReach(NodeState.Ready, since, roundTrip) };
            }

            DateTimeOffset first = Missed == 0 ? now : MissedSince;
            return this with
            {
                Missed = Missed + 1,
                MissedSince = first,
                Reach = Missed + 1 < MostMissed ? Reach : new NodeReach(NodeState.Unreachable, first, null, result.Problem),
            };
        }
    }
}
