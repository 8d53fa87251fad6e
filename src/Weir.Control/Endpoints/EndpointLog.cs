// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Endpoints;

/// <summary>What happened to endpoints. Bounded: the last lines of the last endpoints. Safe to use from several threads.</summary>
internal sealed class EndpointLog(TimeProvider time)
{
    private const int MostLines = 64;
    private const int MostEndpoints = 8192;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<(DateTimeOffset Time, string Text)>> _lines = [];
    private readonly Queue<string> _order = [];

    internal void Add(string endpointId, string text)
    {
        lock (_lock)
        {
            AddLine(endpointId, text);
        }
    }

    internal IReadOnlyList<(DateTimeOffset Time, string Text)> Get(string endpointId)
    {
        lock (_lock)
        {
            return _lines.TryGetValue(endpointId, out var lines) ? [.. lines] : [];
        }
    }

    private void AddLine(string endpointId, string text)
    {
        if (!_lines.TryGetValue(endpointId, out var lines))
        {
            lines = new Queue<(DateTimeOffset, string)>();
            _lines[endpointId] = lines;
            _order.Enqueue(endpointId);
            if (_order.Count > MostEndpoints)
            {
                _lines.Remove(_order.Dequeue());
            }
        }

        lines.Enqueue((time.GetUtcNow(), text));
        if (lines.Count > MostLines)
        {
            lines.Dequeue();
        }
    }
}
