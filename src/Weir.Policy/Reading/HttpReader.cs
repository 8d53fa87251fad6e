// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Patterns;
using Weir.Http.Rules;

namespace Weir.Policy.Reading;

/// <summary>Reads the http list of a toPorts entry.</summary>
internal sealed class HttpReader(ReadContext context)
{
    private const string TokenCharacters = "!#$%&'*+-.^_`|~";
    private static readonly FieldSet _http = new("an http rule", ["method", "path", "host", "headers", "headerMatches"], []);
    private static readonly FieldSet _match = new("a headerMatches entry", ["name", "value", "mismatch"], ["secret"]);

    private static readonly Dictionary<string, HeaderMismatch> _mismatches = new(StringComparer.OrdinalIgnoreCase)
    {
        ["LOG"] = HeaderMismatch.Log,
        ["ADD"] = HeaderMismatch.Add,
        ["DELETE"] = HeaderMismatch.Delete,
        ["REPLACE"] = HeaderMismatch.Replace,
    };

    /// <summary>Reads the list.</summary>
    public List<HttpEntry> Read(Node node)
    {
        if (node is { Kind: NodeKind.List, Items.Count: 0 })
        {
            context.Error(node, "http is empty; [{}] allows every request and shows it, leave http out not to look at requests");
        }

        var entries = new List<HttpEntry>();
        foreach (var item in context.List(node, "http"))
        {
            if (Fields.Of(context, item, _http) is { } fields)
            {
                entries.Add(new HttpEntry(ReadRule(fields), context.Location(item)));
            }
        }

        return entries;
    }

    private HttpRule ReadRule(Fields fields)
    {
        var headers = new List<HeaderRule>();
        foreach (var item in fields["headers"] is { IsNull: false } list ? context.List(list, "headers") : [])
        {
            if (ReadHeader(item) is { } header)
            {
                headers.Add(header);
            }
        }

        foreach (var item in fields["headerMatches"] is { IsNull: false } list ? context.List(list, "headerMatches") : [])
        {
            if (ReadMatch(item) is { } header)
            {
                headers.Add(header);
            }
        }

        return new HttpRule(ReadPattern(fields, "method"), ReadPattern(fields, "path"), ReadPattern(fields, "host"), headers);
    }

    /// <summary>Empty means any, as not written at all.</summary>
    private string? ReadPattern(Fields fields, string name)
    {
        if (fields[name] is not { IsNull: false } node || context.Text(node, name) is not { Length: > 0 } pattern)
        {
            return null;
        }

        try
        {
            HttpRule.CheckPattern(pattern);
        }
        catch (PatternException e)
        {
            context.Error(node, $"{name} \"{(pattern.Length > 60 ? pattern[..60] + "…" : pattern)}\" {e.Message}");
            return null;
        }

        foreach (var surprise in HttpSurprises.Of(name, pattern))
        {
            context.Warn(node, $"{name} \"{pattern}\" {surprise}");
        }

        return pattern;
    }

    /// <summary>"Name" or "Name: value"; old files have "Name value".</summary>
    private HeaderRule? ReadHeader(Node node)
    {
        if (context.Text(node, "a header") is not { } text)
        {
            return null;
        }

        var end = text.IndexOfAny([':', ' ']);
        var name = end < 0 ? text : text[..end];
        var value = end < 0 ? "" : text[(end + 1)..].Trim();
        return IsName(node, name) && IsValue(node, value) ? new HeaderRule(name, value.Length == 0 ? null : value) : null;
    }

    private HeaderRule? ReadMatch(Node node)
    {
        if (Fields.Of(context, node, _match) is not { } fields)
        {
            return null;
        }

        if (fields["name"] is not { } nameNode || context.Text(nameNode, "name") is not { } name)
        {
            fields.Missing("a headerMatches entry needs a name");
            return null;
        }

        var value = fields["value"] is { IsNull: false } valueNode ? context.Text(valueNode, "value") : null;
        var mismatch = HeaderMismatch.Refuse;
        if (fields["mismatch"] is { IsNull: false, Text.Length: > 0 } mismatchNode && !_mismatches.TryGetValue(mismatchNode.Text, out mismatch))
        {
            context.Error(mismatchNode, $"expected mismatch LOG, ADD, DELETE or REPLACE; found {mismatchNode.Found}");
            return null;
        }

        value = string.IsNullOrEmpty(value) ? null : value;
        if (value is null && mismatch is HeaderMismatch.Add or HeaderMismatch.Replace or HeaderMismatch.Delete)
        {
            fields.Missing($"mismatch {mismatch.ToString().ToUpperInvariant()} needs a value");
            return null;
        }

        return IsName(nameNode, name) && IsValue(node, value ?? "") ? new HeaderRule(name, value, mismatch) : null;
    }

    private bool IsName(Node node, string name)
    {
        if (name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || TokenCharacters.Contains(c, StringComparison.Ordinal)))
        {
            return true;
        }

        context.Error(node, $"expected the name of a header, letters, digits and any of {TokenCharacters}; found {node.Found}");
        return false;
    }

    private bool IsValue(Node node, string value)
    {
        if (!value.Any(char.IsControl))
        {
            return true;
        }

        context.Error(node, "the value of a header has no control characters");
        return false;
    }
}
