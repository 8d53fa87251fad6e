// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;

namespace Weir.Ui;

/// <summary>All that one opens to another.</summary>
internal sealed class MapEdge(int id, int from, int to, DateTimeOffset since)
{
    private const int MostPorts = 8;
    private const int Buckets = 32;
    private const double Memory = 10; // seconds after which a third of a rate is left

    private static readonly TimeSpan _halved = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, (ulong Allowed, ulong Denied)> _ports = new(StringComparer.Ordinal);
    private readonly double[] _latencies = new double[Buckets];
    private DateTimeOffset _ticked = since;
    private DateTimeOffset _halvedAt = since;
    private bool _isChanged = true;
    private ulong _flows;
    private ulong _requests;
    private ulong _denied;
    private ulong _inTick;
    private ulong _deniedInTick;
    private double _rate;
    private double _deniedRate;
    private string _service = "";

    internal int Id { get; } = id;

    internal DateTimeOffset Last { get; private set; }

    internal void Count(Flow flow, ulong count, IReadOnlyList<uint> latencies, DateTimeOffset when, bool isLive)
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
        if (flow.Type == FlowType.L7)
        {
            _requests += count;
        }
        else
        {
            _flows += count;
        }

        _denied += isDenied ? count : 0;
        _inTick += isLive ? count : 0;
        _deniedInTick += isLive && isDenied ? count : 0;
        CountPort(flow.Port.Length > 0 ? flow.Port : flow.Protocol, count, isDenied);
        for (int i = 0; i < Math.Min(latencies.Count, Buckets); i++)
        {
            _latencies[i] += latencies[i];
        }

        if (isLive && flow.Http is { LatencyMs: > 0 } http)
        {
            _latencies[Math.Clamp((int)Math.Floor(Math.Log2(http.LatencyMs * 1000)) + 1, 0, Buckets - 1)]++;
        }
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
            for (int i = 0; i < Buckets; i++)
            {
                _latencies[i] /= 2;
            }
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
        json.WriteNumber("flows", _flows);
        json.WriteNumber("requests", _requests);
        json.WriteNumber("denied", _denied);
        json.WriteNumber("rate", Math.Round(_rate, 3));
        json.WriteNumber("deniedRate", Math.Round(_deniedRate, 3));
        json.WriteNumber("p50", Quantile(0.5));
        json.WriteNumber("p99", Quantile(0.99));
        json.WriteString("service", _service);
        json.WriteString("last", Last);
        json.WriteStartArray("ports");
        foreach ((string port, (ulong allowed, ulong denied)) in _ports)
        {
            json.WriteStartObject();
            json.WriteString("port", port);
            json.WriteNumber("allowed", allowed);
            json.WriteNumber("denied", denied);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What is hardly anything is nothing, so that a silent edge is silent on the wire too.</summary>
    private static double Near(double rate) => rate < 0.005 ? 0 : rate;

    private void CountPort(string port, ulong count, bool isDenied)
    {
        string key = _ports.ContainsKey(port) || _ports.Count < MostPorts ? port : "other";
        (ulong allowed, ulong denied) = _ports.GetValueOrDefault(key);
        _ports[key] = isDenied ? (allowed, denied + count) : (allowed + count, denied);
    }

    /// <summary>Milliseconds, between the powers of two that are counted; 0: there was no request.</summary>
    private double Quantile(double share)
    {
        double all = _latencies.Sum();
        double sofar = 0;
        for (int i = 0; i < Buckets && all > 0.01; i++)
        {
            if (_latencies[i] > 0 && (sofar + _latencies[i]) >= share * all)
            {
                double within = (share * all - sofar) / _latencies[i];
                return Math.Round(Math.Pow(2, i - 1 + Math.Clamp(within, 0, 1)) / 1000, 3);
            }

            sofar += _latencies[i];
        }

        return 0;
    }
}
