// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Endpoints;

/// <summary>What happened to endpoints. Bounded: the last lines of the last endpoints.</summary>
internal sealed class EndpointLog(TimeProvider time)
{
    private const int MostLines = 64;
    private const int MostEndpoints = 8192;

    private readonly Dictionary<string, Queue<(DateTimeOffset Time, string Text)>> _lines = [];
    private readonly Queue<string> _order = [];

    internal void Add(string endpointId, string text)
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

    internal IReadOnlyList<(DateTimeOffset Time, string Text)> Get(string endpointId) =>
        _lines.TryGetValue(endpointId, out var lines) ? [.. lines] : [];
}
