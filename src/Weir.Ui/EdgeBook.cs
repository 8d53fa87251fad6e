// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>Who talks to whom: nodes are label sets, what is reserved, and prefixes; an edge is all that one opens to another.
/// Bounded; the edges that were silent longest go.</summary>
internal sealed class EdgeBook(TimeProvider clock)
{
    internal const int MostEdges = 4000;
    internal const int MostNodes = 2000;

    private readonly Dictionary<string, MapNode> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<(int From, int To), MapEdge> _edges = [];
    private readonly List<int> _gone = [];
    private int _lastNode;
    private int _lastEdge;
    private ulong _more;

    /// <summary>Of the record: it counts, and is no rate.</summary>
    internal void Add(RecordedFlow recorded)
    {
        if (Find(recorded.Flow) is { } edge)
        {
            edge.Count(recorded);
        }
    }

    internal void Add(Flow flow)
    {
        if (Find(flow) is { } edge)
        {
            edge.Count(flow, clock.GetUtcNow());
        }
    }

    /// <summary>The containers that there are now.</summary>
    internal void Set(IEnumerable<Endpoint> endpoints)
    {
        Dictionary<MapNode, List<Endpoint>> now = [];
        foreach (Endpoint endpoint in endpoints)
        {
            if (Node(new FlowEnd { Name = endpoint.Name, Identity = endpoint.Identity, Labels = { endpoint.Labels }, Ip = endpoint.Ipv4, EndpointId = endpoint.Id }) is { } node)
            {
                (now.TryGetValue(node, out List<Endpoint>? list) ? list : now[node] = []).Add(endpoint);
            }
        }

        foreach (MapNode node in _nodes.Values)
        {
            node.Set(now.GetValueOrDefault(node) ?? []);
        }
    }

    /// <summary>What changed since the last call, as one line of JSON.</summary>
    internal string TakeChanges(string? away, ulong lost)
    {
        DateTimeOffset now = clock.GetUtcNow();
        string line = JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("now", now);
            json.WriteString("away", away);
            json.WriteNumber("lost", lost);
            json.WriteNumber("more", _more);
            json.WriteStartArray("nodes");
            foreach (MapNode node in _nodes.Values.Where(node => node.IsChanged))
            {
                node.Write(json);
            }

            json.WriteEndArray();
            json.WriteStartArray("edges");
            foreach (MapEdge edge in _edges.Values.Where(edge => edge.Tick(now)))
            {
                edge.Write(json);
            }

            json.WriteEndArray();
            json.WriteStartArray("gone");
            _gone.ForEach(json.WriteNumberValue);
            json.WriteEndArray();
            json.WriteEndObject();
        }, indented: false);
        _gone.Clear();
        return line;
    }

    /// <returns>Null: it says nothing about who talks to whom.</returns>
    private MapEdge? Find(Flow flow)
    {
        if (flow.Source is null || flow.Destination is null || flow.Type == FlowType.Trace)
        {
            return null;
        }

        (FlowEnd opener, FlowEnd other) = flow.Reply ? (flow.Destination, flow.Source) : (flow.Source, flow.Destination);
        if (Node(opener) is not { } from || Node(other) is not { } to)
        {
            _more++;
            return null;
        }

        if (_edges.TryGetValue((from.Id, to.Id), out MapEdge? edge))
        {
            return edge;
        }

        if (_edges.Count == MostEdges)
        {
            Forget();
        }

        return _edges[(from.Id, to.Id)] = new MapEdge(++_lastEdge, from.Id, to.Id, clock.GetUtcNow());
    }

    private MapNode? Node(FlowEnd end)
    {
        string key = MapNode.KeyOf(end);
        if (_nodes.TryGetValue(key, out MapNode? node))
        {
            node.See(end);
            return node;
        }

        return _nodes.Count == MostNodes ? null : _nodes[key] = new MapNode(++_lastNode, key, end);
    }

    /// <summary>A tenth at once, so that a flood of new edges does not search for each.</summary>
    private void Forget()
    {
        foreach (((int From, int To) key, MapEdge edge) in _edges.OrderBy(edge => edge.Value.Last).Take(MostEdges / 10).ToList())
        {
            _edges.Remove(key);
            _gone.Add(edge.Id);
        }
    }
}
