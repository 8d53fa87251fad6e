// SPDX-License-Identifier: Apache-2.0
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Weir.Policy.Reading;

/// <summary>
/// Builds nodes from YAML, of which JSON is a part. The text is not trusted: size, depth, number of nodes
/// and what aliases expand to are bounded.
/// </summary>
internal sealed class YamlReader(ReadContext context)
{
    private const int MostCharacters = 16 * 1024 * 1024;
    private const int MostDepth = 64;
    private const long MostNodes = 1_000_000;
    private const int MostAliases = 1_000;

    private static readonly char[] _lineEnds = ['\n', '\r', '\u0085', '\u2028', '\u2029'];

    private readonly Dictionary<string, Node> _anchors = [];
    private long _nodes;
    private int _aliases;

    /// <summary>All documents; on a fault the problem is recorded and those before it are returned.</summary>
    public List<YamlDocument> Read(string text)
    {
        var documents = new List<YamlDocument>();
        if (text.Length > MostCharacters)
        {
            context.Error(context.Location(1, 1), $"the file has {text.Length} characters; at most {MostCharacters} are read, split it");
            return documents;
        }

        var roots = new List<(Node Root, int Line)>();
        try
        {
            ReadAll(new Parser(new StringReader(text)), roots);
        }
        catch (YamlException fault)
        {
            context.Error(FindTab(text, fault) ?? context.Location((int)fault.Start.Line, (int)fault.Start.Column), "neither YAML nor JSON: " + Innermost(fault));
        }
        catch (TooMuchException fault)
        {
            context.Error(context.Location(fault.Line, fault.Column), fault.Message);
        }
        catch (Exception fault) when (fault is ArgumentException or InvalidOperationException or IndexOutOfRangeException or OverflowException or FormatException)
        {
            // The YAML parser lets some faults of its own escape on garbage.
            context.Error(context.Location(1, 1), "neither YAML nor JSON: " + fault.Message);
        }

        Slice(text, roots, documents);
        return documents;
    }

    private static string Innermost(Exception fault)
    {
        while (fault.InnerException is not null)
        {
            fault = fault.InnerException;
        }

        return fault.Message;
    }

    /// <summary>The parser tells where the mapping begins in which a line is indented by a tab, not where that line is.</summary>
    private SourceLocation? FindTab(string text, YamlException fault)
    {
        if (!fault.Message.Contains(" tab ", StringComparison.Ordinal))
        {
            return null;
        }

        var lines = text.Split('\n');
        for (var i = Math.Max(0, (int)fault.End.Line - 1); i < lines.Length; i++)
        {
            var column = lines[i].IndexOf('\t', StringComparison.Ordinal);
            if (column >= 0 && string.IsNullOrWhiteSpace(lines[i][..column]))
            {
                return context.Location(i + 1, column + 1);
            }
        }

        return null;
    }

    private static void Slice(string text, List<(Node Root, int Line)> roots, List<YamlDocument> documents)
    {
        if (roots.Count == 1)
        {
            documents.Add(new YamlDocument(roots[0].Root, text, 1));
            return;
        }

        var line = 1;
        var index = 0;
        for (var i = 0; i < roots.Count; i++)
        {
            var begin = Seek(text, ref line, ref index, roots[i].Line);
            var firstLine = line;
            var end = i + 1 < roots.Count ? Seek(text, ref line, ref index, roots[i + 1].Line) : text.Length;
            documents.Add(new YamlDocument(roots[i].Root, text[begin..end], firstLine));
        }
    }

    /// <summary>Moves on to the beginning of a line.</summary>
    private static int Seek(string text, ref int line, ref int index, int wanted)
    {
        while (line < wanted && index < text.Length)
        {
            var next = text.IndexOfAny(_lineEnds, index);
            if (next < 0)
            {
                break;
            }

            index = next + (text[next] == '\r' && next + 1 < text.Length && text[next + 1] == '\n' ? 2 : 1);
            line++;
        }

        return index;
    }

    private void ReadAll(Parser parser, List<(Node Root, int Line)> roots)
    {
        var line = 1;
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case DocumentStart start:
                    line = (int)start.Start.Line;
                    _anchors.Clear();
                    break;
                case NodeEvent or AnchorAlias:
                    roots.Add((ReadNode(parser, 0), line));
                    break;
                default:
                    break;
            }
        }
    }

    private Node ReadNode(Parser parser, int depth)
    {
        var current = parser.Current!;
        var (line, column) = ((int)current.Start.Line, (int)current.Start.Column);
        if (depth > MostDepth)
        {
            throw new TooMuchException(line, column, $"nested deeper than {MostDepth} levels");
        }

        if (current is AnchorAlias alias)
        {
            return Alias(alias, line, column);
        }

        var node = current switch
        {
            Scalar scalar => Node.Scalar(scalar.Value, scalar.Style == ScalarStyle.Plain, current.Start),
            SequenceStart => Node.List(current.Start),
            MappingStart => Node.Mapping(current.Start),
            _ => throw new TooMuchException(line, column, "neither YAML nor JSON"),
        };
        Count(1, line, column);
        var nodeEvent = (NodeEvent)current;
        if (!nodeEvent.Tag.IsEmpty)
        {
            context.Error(node, $"tag \"{nodeEvent.Tag}\" has no meaning here; remove it");
        }

        if (node.Kind == NodeKind.List)
        {
            ReadItems(parser, node, depth);
        }
        else if (node.Kind == NodeKind.Mapping)
        {
            ReadFields(parser, node, depth);
        }

        node.End = EndOf(parser.Current ?? current, current);

        // After its content: a value cannot contain itself.
        if (!nodeEvent.Anchor.IsEmpty)
        {
            _anchors[nodeEvent.Anchor.Value] = node;
        }

        return node;
    }

    /// <summary>A bracket's event begins and ends before the bracket.</summary>
    private static int EndOf(ParsingEvent last, ParsingEvent first)
    {
        var isFlow = first is MappingStart { Style: MappingStyle.Flow } or SequenceStart { Style: SequenceStyle.Flow };
        return (int)last.End.Index + (isFlow ? 1 : 0);
    }

    private Node Alias(AnchorAlias alias, int line, int column)
    {
        if (++_aliases > MostAliases)
        {
            throw new TooMuchException(line, column, $"more than {MostAliases} aliases");
        }

        if (!_anchors.TryGetValue(alias.Value.Value, out var target))
        {
            throw new TooMuchException(line, column, $"alias \"*{alias.Value.Value}\" has no anchor before it");
        }

        Count(target.Weight, line, column);
        return target;
    }

    private void ReadItems(Parser parser, Node list, int depth)
    {
        while (parser.MoveNext() && parser.Current is not SequenceEnd)
        {
            var item = ReadNode(parser, depth + 1);
            list.Items.Add(item);
            list.Weight += item.Weight;
        }
    }

    private void ReadFields(Parser parser, Node mapping, int depth)
    {
        var seen = new Dictionary<string, Node>(StringComparer.Ordinal);
        List<Node> merged = [];
        while (parser.MoveNext() && parser.Current is not MappingEnd)
        {
            var key = ReadNode(parser, depth + 1);
            parser.MoveNext();
            var value = ReadNode(parser, depth + 1);
            mapping.Weight += key.Weight + value.Weight;
            if (key.Kind != NodeKind.Scalar)
            {
                context.Error(key, $"expected the name of a field, found {key.Found}");
            }
            else if (key is { IsPlain: true, Text: "<<" })
            {
                merged.AddRange(value.Kind == NodeKind.List ? value.Items : [value]);
            }
            else if (!seen.TryAdd(key.Text, key))
            {
                context.Error(key, $"field \"{key.Text}\" is written twice; the first is in line {context.Location(seen[key.Text]).Line}");
            }
            else
            {
                mapping.Fields.Add((key, value));
            }
        }

        Merge(mapping, merged, seen);
    }

    /// <summary>"<<": fields of other mappings, where the mapping has none of that name; the first of several counts.</summary>
    private void Merge(Node mapping, List<Node> others, Dictionary<string, Node> seen)
    {
        foreach (var other in others)
        {
            if (other.Kind != NodeKind.Mapping)
            {
                context.Error(other, $"expected a mapping to merge by \"<<\", or a list of them; found {other.Found}");
            }

            mapping.Fields.AddRange(other.Fields.Where(field => seen.TryAdd(field.Key.Text, field.Key)));
        }
    }

    private void Count(long weight, int line, int column)
    {
        _nodes += weight;
        if (_nodes > MostNodes)
        {
            throw new TooMuchException(line, column, $"more than {MostNodes} values");
        }
    }

    private sealed class TooMuchException(int line, int column, string message) : Exception(message)
    {
        public int Line { get; } = line;

        public int Column { get; } = column;
    }
}
