// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Datapath.Abi;

namespace Weir.Flows;

/// <summary>TCP connections that ended since the agent's start, by who opened them to whom. At most so many edges: when they are too many,
/// the one that was silent longest goes if that is an hour, and else the new one is among the others.</summary>
public sealed class TcpEdges(Func<FlowRecord, Flow> decode, TimeProvider time, int most = TcpEdges.Most)
{
    private const int Most = 200;
    private const int MostKnown = 4096;
    private const string Other = "other";

    private static readonly double[] _bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5];
    private static readonly TimeSpan _silent = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<Ends, Edge> _known = []; // names are asked for once a minute
    private readonly Dictionary<(string, string, string), Edge> _edges = [];
    private DateTimeOffset _asked;

    /// <summary>Counts one. What is decoded is only the first between two ends.</summary>
    public void Add(in TcpEvent e)
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (now - _asked > TimeSpan.FromMinutes(1) || _known.Count >= MostKnown)
            {
                _known.Clear();
                _asked = now;
            }

            var ends = new Ends(e.Flow.SrcEndpoint, e.Flow.DstEndpoint, e.Flow.SrcIdentity, e.Flow.DstIdentity, e.Flow.Dport.Value);
            if (!_known.TryGetValue(ends, out Edge? edge))
            {
                _known[ends] = edge = EdgeOf(decode(new FlowRecord(e.Flow, null)), now);
            }

            edge.Last = now;
            edge.Add(in e);
        }
    }

    public IReadOnlyList<TcpEdge> Read()
    {
        lock (_lock)
        {
            return [.. _edges.Select(pair => pair.Value.Tell(pair.Key))];
        }
    }

    private Edge EdgeOf(Flow flow, DateTimeOffset now)
    {
        (string, string, string Port) key = (NameOf(flow.Source), NameOf(flow.Destination), flow.Port);
        if (!_edges.TryGetValue(key, out Edge? edge))
        {
            if (_edges.Count >= most && _edges.MinBy(pair => pair.Value.Last) is var oldest && now - oldest.Value.Last >= _silent)
            {
                _edges.Remove(oldest.Key);
                _known.Clear();
            }

            key = _edges.Count >= most ? (Other, Other, "") : key;
            if (!_edges.TryGetValue(key, out edge))
            {
                _edges[key] = edge = new Edge();
            }
        }

        return edge;
    }

    /// <summary>A container's name, or what kind of place it is: no address, of which there are too many.</summary>
    private static string NameOf(FlowEnd? end) => end is null ? Other
        : end.Name.Length > 0 ? end.Name
        : end.Labels.FirstOrDefault(label => label.StartsWith("cidr:", StringComparison.Ordinal)) ?? end.Labels.FirstOrDefault() ?? Other;

    private readonly record struct Ends(ushort Source, ushort Destination, uint SourceIdentity, uint DestinationIdentity, ushort Port);

    private sealed class Edge
    {
        private readonly Times _handshake = new();
        private readonly Times _roundTrip = new();
        private ulong _fin, _reset, _failed, _sent, _received, _segments, _retransmits;

        internal DateTimeOffset Last { get; set; }

        internal void Add(in TcpEvent e)
        {
            var tcp = new MeasuredTcp(e);
            _ = tcp.HasFailed ? _failed++ : tcp.WasReset ? _reset++ : _fin++;
            _sent += e.Sent;
            _received += e.Received;
            _segments += e.Segments;
            _retransmits += e.Retransmits;
            _handshake.Add(e.HandshakeUs);
            _roundTrip.Add(e.RttUs);
        }

        internal TcpEdge Tell((string Source, string Destination, string Port) key) => new()
        {
            Source = key.Source,
            Destination = key.Destination,
            Port = key.Port,
            Ends = { new NamedCount { Name = "fin", Count = _fin }, new NamedCount { Name = "reset", Count = _reset }, new NamedCount { Name = "failed", Count = _failed } },
            Sent = _sent,
            Received = _received,
            Segments = _segments,
            Retransmits = _retransmits,
            Handshake = _handshake.Tell(),
            RoundTrip = _roundTrip.Tell(),
        };
    }

    private sealed class Times
    {
        private readonly ulong[] _counts = new ulong[_bounds.Length + 1]; // the last: longer than any bound
        private double _sum;

        internal void Add(uint us)
        {
            if (us == 0)
            {
                return; // not measured
            }

            double seconds = us / 1e6;
            int bucket = Array.FindIndex(_bounds, bound => seconds <= bound);
            _counts[bucket < 0 ? _bounds.Length : bucket]++;
            _sum += seconds;
        }

        internal Durations Tell()
        {
            ulong sofar = 0;
            return new Durations
            {
                Buckets = { _bounds.Select((bound, i) => new LatencyBucket { Seconds = bound, Count = sofar += _counts[i] }) },
                SumSeconds = _sum,
                Count = _counts.Aggregate(0UL, (sum, n) => sum + n),
            };
        }
    }
}
