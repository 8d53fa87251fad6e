// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;

namespace Weir.Ui;

/// <summary>All that one opens to another.</summary>
internal sealed class MapEdge(int id, int from, int to, DateTimeOffset since)
{
    private const int MostPorts = 8;
    private const double Memory = 10; // seconds after which a third of a rate is left

    private static readonly TimeSpan _halved = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, PortCounts> _ports = new(StringComparer.Ordinal);
    private readonly LatencySketch _latencies = new();
    private readonly LatencySketch _roundTrips = new();
    private DateTimeOffset _ticked = since;
    private DateTimeOffset _halvedAt = since;
    private bool _isChanged = true;
    private ulong _requests;
    private ulong _denied;
    private ulong _audited;
    private ulong _segments;
    private ulong _retransmits;
    private ulong _inTick;
    private ulong _deniedInTick;
    private double _rate;
    private double _deniedRate;
    private string _service = "";

    internal int Id { get; } = id;

    internal DateTimeOffset Last { get; private set; }

    /// <summary>What is known of flows alike that are on record.</summary>
    internal void Count(RecordedFlow recorded)
    {
        Count(recorded.Flow, recorded.Count, recorded.Last.ToDateTimeOffset(), isLive: false);
        _latencies.Add(recorded.Latencies);
        _roundTrips.Add(recorded.RoundTrips);
        _segments += recorded.Segments;
        _retransmits += recorded.Retransmits;
    }

    /// <summary>One that happened now.</summary>
    internal void Count(Flow flow, DateTimeOffset now)
    {
        Count(flow, 1, flow.Time?.ToDateTimeOffset() ?? now, isLive: true);
        _latencies.Add(flow.Http?.LatencyMs ?? 0);
        if (flow.Tcp is { } tcp)
        {
            _roundTrips.Add(tcp.RoundTripMs);
            _segments += tcp.Segments;
            _retransmits += tcp.Retransmits;
        }
    }

    private void Count(Flow flow, ulong count, DateTimeOffset when, bool isLive)
    {
        Last = when > Last ? when : Last;
        _isChanged = true;
        if (flow.Service is { Name.Length: > 0 } service)
        {
            _service = service.Name;
        }

        // A denial of a flow is told as a verdict and as a drop: the drop counts.
        if (flow is { Type: FlowType.Verdict, Verdict: "denied" })
        {
            return;
        }

        bool isDenied = flow.Type == FlowType.Drop || flow.Verdict == "denied";
        PortCounts port = PortOf(flow.Port.Length > 0 ? flow.Port : flow.Protocol);
        if (flow.Type == FlowType.Tcp)
        {
            // It was told, and counted in the rate, when it began, if anybody listened then.
            port.Ended += count;
            return;
        }

        port.Denied += isDenied ? count : 0;
        if (flow.Type == FlowType.L7)
        {
            _requests += count;
            port.Requests += isDenied ? 0 : count;
        }
        else
        {
            port.Began += isDenied ? 0 : count;
            port.Dropped += isDenied ? count : 0;
        }

        _denied += isDenied ? count : 0;
        _audited += flow.Verdict == "audited" ? count : 0;
        _inTick += isLive ? count : 0;
        _deniedInTick += isLive && isDenied ? count : 0;
    }

    /// <summary>Lets time pass.</summary>
    /// <returns>Whether there is anything new to say.</returns>
    internal bool Tick(DateTimeOffset now)
    {
        double seconds = Math.Max((now - _ticked).TotalSeconds, 0.001);
        _ticked = now;
        double share = 1 - Math.Exp(-seconds / Memory);
        double before = _rate;
        _rate = Near(_rate + ((_inTick / seconds) - _rate) * share);
        _deniedRate = Near(_deniedRate + ((_deniedInTick / seconds) - _deniedRate) * share);
        (_inTick, _deniedInTick) = (0, 0);
        if (now - _halvedAt >= _halved)
        {
            _halvedAt = now;
            _latencies.Halve();
            _roundTrips.Halve();
        }

        bool isChanged = _isChanged || _rate != before;
        _isChanged = false;
        return isChanged;
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("id", Id);
        json.WriteNumber("from", from);
        json.WriteNumber("to", to);
        json.WriteNumber("flows", _ports.Values.Aggregate(0UL, (sum, port) => sum + port.Flows));
        json.WriteNumber("requests", _requests);
        json.WriteNumber("denied", _denied);
        json.WriteNumber("audited", _audited);
        json.WriteNumber("rate", Math.Round(_rate, 3));
        json.WriteNumber("deniedRate", Math.Round(_deniedRate, 3));
        json.WriteNumber("p50", _latencies.Quantile(0.5));
        json.WriteNumber("p99", _latencies.Quantile(0.99));
        json.WriteNumber("roundTrip", _roundTrips.Quantile(0.5));
        json.WriteNumber("segments", _segments);
        json.WriteNumber("retransmits", _retransmits);
        json.WriteString("service", _service);
        json.WriteString("last", Last);
        json.WriteStartArray("ports");
        foreach ((string port, PortCounts counts) in _ports)
        {
            json.WriteStartObject();
            json.WriteString("port", port);
            json.WriteNumber("allowed", counts.Passed + counts.Requests);
            json.WriteNumber("denied", counts.Denied);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What is hardly anything is nothing, so that a silent edge is silent on the wire too.</summary>
    private static double Near(double rate) => rate < 0.005 ? 0 : rate;

    private PortCounts PortOf(string port)
    {
        string key = _ports.ContainsKey(port) || _ports.Count < MostPorts ? port : "other";
        return _ports.TryGetValue(key, out PortCounts? counts) ? counts : _ports[key] = new PortCounts();
    }

    private sealed class PortCounts
    {
        internal ulong Began { get; set; }

        internal ulong Ended { get; set; }

        internal ulong Dropped { get; set; }

        internal ulong Requests { get; set; }

        internal ulong Denied { get; set; }

        /// <summary>A connection may be told of twice, when it began and when it ended, or by one of them alone.</summary>
        internal ulong Passed => Math.Max(Began, Ended);

        internal ulong Flows => Passed + Dropped;
    }
}
