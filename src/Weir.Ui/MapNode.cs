// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Api;

namespace Weir.Ui;

/// <summary>Somebody on the map: all containers of one label set, what is reserved ("world", "host"), a prefix, or an address of
/// which nothing is known.</summary>
internal sealed class MapNode
{
    private const int MostContainers = 64;
    private const string Project = "com.docker.compose.project";
    private const string Service = "com.docker.compose.service";

    private readonly string _key;
    private readonly string _name;
    private readonly string _group;
    private readonly string _kind;
    private readonly List<string> _labels;
    private SortedSet<string> _containers = new(StringComparer.Ordinal);
    private int _here;

    internal MapNode(int id, string key, FlowEnd end)
    {
        Id = id;
        _key = key;
        _labels = [.. end.Labels];
        _kind = KindOf(end);
        _group = LabelOf(Project) ?? "";
        _name = _kind switch
        {
            "container" => LabelOf(Service) ?? (end.Name.Length > 0 ? end.Name : _labels.FirstOrDefault() is { } label ? Short(label) : $"identity {end.Identity}"),
            "reserved" => Short(_labels[0]),
            "prefix" => Short(_labels[0]),
            _ => end.Name.Length > 0 ? end.Name : end.Ip.Length > 0 ? end.Ip : "unknown",
        };
        See(end);
    }

    internal int Id { get; }

    internal bool IsChanged { get; private set; } = true;

    /// <summary>By labels, which outlive numbers: those of the record are of then.</summary>
    internal static string KeyOf(FlowEnd end) =>
        end.Labels.Count > 0 ? string.Join('\n', KindOf(end) == "container" ? end.Labels : end.Labels.Take(1)) : end.Name.Length > 0 ? "\n" + end.Name : "\n\n" + end.Ip;

    internal void See(FlowEnd end)
    {
        if (_kind == "container" && end.Name.Length > 0 && _containers.Count < MostContainers && _containers.Add(end.Name))
        {
            IsChanged = true;
        }
    }

    /// <summary>The containers that there are; those of before are kept while there are none.</summary>
    internal void Set(List<Endpoint> endpoints)
    {
        if (_kind != "container" || (endpoints.Count == 0 && _here == 0))
        {
            return;
        }

        var names = new SortedSet<string>(endpoints.Select(endpoint => endpoint.Name).Where(name => name.Length > 0).Take(MostContainers), StringComparer.Ordinal);
        if (endpoints.Count != _here || (endpoints.Count > 0 && !names.SetEquals(_containers)))
        {
            IsChanged = true;
            _here = endpoints.Count;
            _containers = names.Count > 0 ? names : _containers;
        }
    }

    internal void Write(Utf8JsonWriter json)
    {
        IsChanged = false;
        json.WriteStartObject();
        json.WriteNumber("id", Id);
        json.WriteString("key", _key);
        json.WriteString("name", _name);
        json.WriteString("group", _group);
        json.WriteString("kind", _kind);
        json.WriteNumber("here", _here);
        json.WriteStartArray("containers");
        foreach (string name in _containers)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        json.WriteStartArray("labels");
        _labels.ForEach(json.WriteStringValue);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string KindOf(FlowEnd end) => end.Labels.FirstOrDefault() switch
    {
        { } label when label.StartsWith("reserved:init", StringComparison.Ordinal) => "container",
        { } label when label.StartsWith("reserved:", StringComparison.Ordinal) => "reserved",
        { } label when label.StartsWith("cidr:", StringComparison.Ordinal) => "prefix",
        { } => "container",
        null => end.EndpointId != 0 ? "container" : "unknown",
    };

    private string? LabelOf(string key)
    {
        string start = $"container:{key}=";
        return _labels.Find(label => label.StartsWith(start, StringComparison.Ordinal)) is { } label && label.Length > start.Length ? label[start.Length..] : null;
    }

    private static string Short(string label) => label[(label.IndexOf(':', StringComparison.Ordinal) + 1)..];
}
