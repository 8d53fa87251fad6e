// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using Weir.Net;

namespace Weir.Policy.Suggestions;

/// <summary>A suggested policy as YAML. Names in it are other people's: whatever is in them stays in its quotes, or on its
/// line of a comment.</summary>
internal sealed class SuggestionText
{
    private const int MostLeftOut = 50;

    private readonly SuggestionOptions _options;
    private readonly SuggestedEntry[] _entries;
    private readonly StringBuilder _text = new();
    private readonly List<SuggestedRule> _rules = [];
    private int _line = 1;

    public SuggestionText(SuggestionOptions options, IReadOnlyList<Label> subject, SuggestedEntry[] entries)
    {
        _options = options;
        _entries = entries;
        Line("apiVersion: cilium.io/v2");
        Line("kind: CiliumNetworkPolicy");
        Line("metadata:");
        Line($"  name: {Scalar(options.Name)}");
        Line("spec:");
        Line("  endpointSelector:");
        Labels("    ", subject);
        if (options.OnlyAllows)
        {
            Line("  enableDefaultDeny: {ingress: false, egress: false}  # it allows this, and denies nothing");
        }

        Section(PolicyDirection.Ingress, "ingress", "from");
        Section(PolicyDirection.Egress, "egress", "to");
    }

    /// <summary>The document without the comments around it.</summary>
    public string Body => _text.ToString();

    public Suggestion Write(LeftOutFlows[] leftOut, ulong flows, ulong covered)
    {
        List<string> head = [$"# Suggested {Comment(_options.About)}: it allows {Number(covered)} of {Number(flows)} flows."];
        if (!_options.OnlyAllows)
        {
            head.Add("# Read it, then try it on the record before it is in force: weir policy apply --dry-run --since 24h -f FILE");
            head.AddRange(new[] { (PolicyDirection.Ingress, "ingress", "came in"), (PolicyDirection.Egress, "egress", "went out") }
                .Where(side => !_entries.Any(entry => entry.Direction == side.Item1))
                .Select(side => $"# Nothing that could be allowed {side.Item3}: {side.Item2} stays as it is. To deny all of it, add {side.Item2}: [{{}}]"));
        }

        var tail = new StringBuilder();
        if (leftOut.Length > 0)
        {
            tail.Append("# Left out:\n");
            foreach (var left in leftOut.Take(MostLeftOut))
            {
                tail.Append("# - ").Append(Comment($"{left.What}: {Times(left.Flows)}; {left.Why}")).Append('\n');
            }

            if (leftOut.Length > MostLeftOut)
            {
                tail.Append("# - and ").Append(leftOut.Length - MostLeftOut).Append(" more: -o json has them all\n");
            }
        }

        return new Suggestion(
            _options.Name, $"{string.Join('\n', head)}\n{_text}{tail}", [.. _rules.Select(rule => rule with { Line = rule.Line + head.Count })], leftOut, flows, covered);
    }

    /// <summary>"1 204".</summary>
    private static string Number(ulong number) => number.ToString("#,0", CultureInfo.InvariantCulture).Replace(',', ' ');

    private static string Times(ulong count) => count == 1 ? "once" : $"{Number(count)} times";

    private static string Comment(string text) => new([.. text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' or '\u0085' or '\ufeff' || char.IsSurrogate(c) ? '?' : c)]);

    /// <summary>In quotes unless it can be nothing but a word.</summary>
    private static string Scalar(string text)
    {
        var isWord = text.Length > 0 && char.IsAsciiLetter(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/')
            && text.ToLowerInvariant() is not ("true" or "false" or "yes" or "no" or "on" or "off" or "null" or "y" or "n");
        if (isWord)
        {
            return text;
        }

        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            quoted.Append(c is '"' or '\\' ? $"\\{c}" : c is < ' ' or >= '\u007f' ? $"\\u{(int)c:x4}" : $"{c}");
        }

        return quoted.Append('"').ToString();
    }

    private void Line(string text)
    {
        _text.Append(text).Append('\n');
        _line++;
    }

    private void Labels(string indent, IReadOnlyList<Label> labels)
    {
        Line($"{indent}matchLabels:");
        var inner = new string(' ', indent.Length);
        foreach (var label in labels)
        {
            Line($"{inner}  {Scalar(label.IsOfAnySource || label.Source == LabelSources.Container ? label.Key : $"{label.Source}:{label.Key}")}: {Scalar(label.Value)}");
        }
    }

    private void Section(PolicyDirection direction, string name, string word)
    {
        SuggestedEntry[] own = [.. _entries.Where(entry => entry.Direction == direction)];
        if (own.Length == 0)
        {
            return;
        }

        Line($"  {name}:");
        foreach (var entry in own)
        {
            Line($"    # {About(entry)}");
            _rules.Add(new SuggestedRule(
                direction, entry.Peer.Text, entry.PortTexts, [.. entry.RequestTexts], entry.Count, entry.Flows.Count == 0 ? default : entry.First, entry.Flows.Count == 0 ? default : entry.Last, _line));
            if (entry.Ports.Count > 0 || entry.Requests.Count > 0)
            {
                Peer(entry.Peer, word);
                Line($"{(entry.Peer == SuggestedPeer.Anybody ? "    - " : "      ")}toPorts:");
                Ports(entry);
            }

            if (entry.Icmp.Count > 0)
            {
                Peer(entry.Peer, word);
                Line("      icmps:");
                Line("        - fields:");
                foreach (var (protocol, type) in entry.Icmp)
                {
                    Line($"            - {{family: {(protocol == IpProtocol.Icmp ? "IPv4" : "IPv6")}, type: {type}}}");
                }
            }
        }
    }

    private static string About(SuggestedEntry entry) =>
        entry.Flows.Count == 0 ? "names: open to every resolver; none was asked on record"
        : $"{(entry.Peer == SuggestedPeer.Anybody ? "names, open to every resolver: " : entry.Peer.Entity == "world" ? "too many addresses to name them: " : "")}{Times(entry.Count)}, {Span(entry)}";

    private static string Span(SuggestedEntry entry)
    {
        const string Minute = "yyyy-MM-dd HH:mm";
        var (first, last) = (entry.First.UtcDateTime.ToString(Minute, CultureInfo.InvariantCulture), entry.Last.UtcDateTime.ToString(Minute, CultureInfo.InvariantCulture));
        return first == last ? $"at {first}Z" : $"first {first}Z, last {last}Z";
    }

    private void Peer(SuggestedPeer peer, string word)
    {
        if (peer.Labels.Count > 0)
        {
            Line($"    - {word}Endpoints:");
            Labels("        - ", peer.Labels);
        }
        else if (peer.Entity.Length > 0)
        {
            Line($"    - {word}Entities: [{peer.Entity}]");
        }
        else if (peer.Prefixes.Count > 0)
        {
            Line($"    - {word}CIDR:");
            foreach (var prefix in peer.Prefixes)
            {
                Line($"        - {Scalar(prefix.ToString())}");
            }
        }
    }

    private void Ports(SuggestedEntry entry)
    {
        if (entry.Ports.Count > 0)
        {
            Line("        - ports:");
            foreach (var (protocol, first, last) in entry.Ports)
            {
                Line($"            - {{port: \"{first}\", {(last > first ? $"endPort: {last}, " : "")}protocol: {protocol.Name().ToUpperInvariant()}}}");
            }
        }

        foreach (var (port, paths) in entry.Requests)
        {
            Line("        - ports:");
            Line($"            - {{port: \"{port}\", protocol: TCP}}");
            Line("          rules:");
            Line("            http:");
            foreach (var (path, methods) in paths)
            {
                Line($"              - method: {Scalar(string.Join('|', methods))}");
                Line($"                path: {Scalar(path)}");
            }
        }
    }
}
