// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Datapath.Abi;

namespace Weir.Flows;

/// <summary>What each did to each in an interval. Of a connection that lives longer, only what is of the interval.</summary>
/// <param name="decode">Gives an event names.</param>
/// <param name="filter">What is wanted.</param>
public sealed class TopSums(Func<FlowRecord, Flow> decode, FlowFilter filter)
{
    private const int Most = 4096;

    private readonly FlowSummer _flows = new(decode);
    private readonly Dictionary<(string From, string To, string Port), TopPair> _pairs = [];
    private readonly Dictionary<Ends, TopPair?> _known = []; // of this interval: a name is asked for once
    private Dictionary<ulong, TcpEvent> _before = [];
    private ulong _lost;

    /// <summary>What somebody has to be told for these sums.</summary>
    public static FlowFilter FilterOf(MonitorRequest? wanted)
    {
        MonitorRequest request = wanted?.Clone() ?? new MonitorRequest();
        request.Types_.Clear();
        request.Types_.AddRange([FlowType.Drop, FlowType.L7, FlowType.Tcp]);
        return new FlowFilter(request);
    }

    /// <summary>What was before does not count.</summary>
    public void Begin(IEnumerable<TcpEvent> living)
    {
        ArgumentNullException.ThrowIfNull(living);
        _before = living.ToDictionary(e => e.Cookie);
    }

    public void Add(in FlowRecord record)
    {
        if (record.Tcp is not { } tcp)
        {
            _flows.Add(in record);
            return;
        }

        TcpEvent e = tcp.Event;
        _before.Remove(e.Cookie, out TcpEvent before);
        if (PairOf(in e.Flow) is { } pair)
        {
            AddSince(pair, in before, in e);
            pair.Ended++;
            pair.Resets += tcp.WasReset ? 1u : 0;
            pair.Failed += tcp.HasFailed ? 1u : 0;
            if (e.HandshakeUs > 0)
            {
                Sketch.Count(pair.Handshakes, e.HandshakeUs);
            }
        }
    }

    /// <summary>The interval is over; the next begins.</summary>
    /// <param name="living">Connections that live now.</param>
    /// <param name="lost">Events of the interval that nobody saw.</param>
    public TopFrame Take(IEnumerable<TcpEvent> living, ulong lost, DateTimeOffset now, TimeSpan took)
    {
        ArgumentNullException.ThrowIfNull(living);
        Dictionary<ulong, TcpEvent> present = [];
        foreach (TcpEvent e in living)
        {
            present[e.Cookie] = e;
            if (PairOf(in e.Flow) is { } pair)
            {
                TcpEvent before = _before.GetValueOrDefault(e.Cookie);
                AddSince(pair, in before, in e);
                pair.Open++;
            }
        }

        AddFlows(now);
        var frame = new TopFrame { Time = Timestamp.FromDateTimeOffset(now), Seconds = took.TotalSeconds, Pairs = { _pairs.Values }, Lost = lost + _lost };
        _before = present;
        _pairs.Clear();
        _known.Clear();
        _lost = 0;
        return frame;
    }

    private static void AddSince(TopPair pair, in TcpEvent before, in TcpEvent now)
    {
        pair.Bytes += Since(before.Sent, now.Sent) + Since(before.Received, now.Received);
        pair.Segments += Since(before.Segments, now.Segments);
        pair.Retransmits += Since(before.Retransmits, now.Retransmits);
        if (now.RttUs > 0)
        {
            Sketch.Count(pair.RoundTrips, now.RttUs);
        }
    }

    private static ulong Since(ulong before, ulong now) => now > before ? now - before : 0;

    private void AddFlows(DateTimeOffset now)
    {
        RecordBlock block = _flows.Take(now);
        _lost += block.Lost;
        foreach (RecordedFlow sum in block.Flows.Where(sum => filter.Matches(sum.Flow)))
        {
            if (PairOf(sum.Flow) is not { } pair)
            {
                _lost += sum.Count;
                continue;
            }

            bool isRequest = sum.Flow.Type == FlowType.L7;
            pair.Requests += isRequest ? sum.Count : 0;
            pair.Denied += sum.Flow.Type == FlowType.Drop || sum.Flow.Verdict == "denied" ? sum.Count : 0;
            Sketch.Add(pair.Latencies, sum.Latencies);
            if (isRequest && pair.Open == 0 && pair.Ended == 0)
            {
                pair.Bytes += sum.Bytes;
            }
        }
    }

    /// <returns>Null: it is not wanted, or there are too many.</returns>
    private TopPair? PairOf(in Event e)
    {
        var ends = new Ends(
            e.SrcEndpoint, e.DstEndpoint, e.SrcIdentity, e.DstIdentity, e.SrcEndpoint == 0 ? e.Src.ToIPAddress() : null, e.DstEndpoint == 0 ? e.Dst.ToIPAddress() : null, e.Dport.Value, e.FrontendId);
        if (_known.TryGetValue(ends, out TopPair? known))
        {
            return known;
        }

        Event whole = e;
        whole.Type = EventType.Tcp; // what is read while it lives has it, too
        Flow flow = decode(new FlowRecord(whole, null));
        TopPair? pair = filter.Matches(flow) ? PairOf(flow) : null;
        if (_known.Count < Most)
        {
            _known[ends] = pair;
        }

        return pair;
    }

    private TopPair? PairOf(Flow flow)
    {
        var (opener, other) = flow.Reply ? (flow.Destination, flow.Source) : (flow.Source, flow.Destination);
        var key = (NameOf(opener), flow.Service is { Name.Length: > 0 } service ? $"{service.Name} ({NameOf(other)})" : NameOf(other), flow.Port.Length > 0 ? flow.Port : flow.Protocol);
        if (!_pairs.TryGetValue(key, out TopPair? pair) && _pairs.Count < Most)
        {
            _pairs[key] = pair = new TopPair { From = key.Item1, To = key.Item2, Port = key.Item3 };
        }

        return pair;
    }

    private static string NameOf(FlowEnd? end) => end is null ? "?"
        : end.Name.Length > 0 ? end.Name
        : end.Labels.FirstOrDefault(label => label.StartsWith("cidr:", StringComparison.Ordinal)) ?? end.Labels.FirstOrDefault(label => !label.StartsWith("reserved:world", StringComparison.Ordinal)) ?? (end.Ip.Length > 0 ? end.Ip : "world");

    private readonly record struct Ends(ushort Source, ushort Destination, uint SourceIdentity, uint DestinationIdentity, IPAddress? From, IPAddress? To, ushort Port, uint Frontend);
}
