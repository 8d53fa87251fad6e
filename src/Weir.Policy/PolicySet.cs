// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// The documents in force, by kind and name. Immutable. Rule numbers stay with an unchanged document; changed
/// and new ones get new numbers, never one that was used before. Where documents of several kinds have one name,
/// the names of their rules begin with the kind.
/// </summary>
public sealed class PolicySet
{
    private readonly SortedDictionary<DocumentKey, PolicyDocument> _documents;
    private readonly Dictionary<uint, Rule> _rulesById;
    private readonly HashSet<string> _shared;

    private PolicySet(SortedDictionary<DocumentKey, PolicyDocument> documents, uint nextRuleId)
    {
        _documents = documents;
        NextRuleId = nextRuleId;
        _shared = [.. documents.Keys.GroupBy(key => key.Name).Where(kinds => kinds.Count() > 1).Select(kinds => kinds.Key)];
        Documents = [.. documents.Values.Select(document => _shared.Contains(document.Name) ? document.WithKindInRules() : document)];
        Rules = [.. Documents.SelectMany(document => document.Rules).OrderBy(rule => rule.Id)];
        _rulesById = Rules.ToDictionary(rule => rule.Id);
        CidrPrefixes = Prefixes(Rules);
    }

    /// <summary>No policy.</summary>
    public static PolicySet Empty { get; } = new([], 1);

    /// <summary>The documents, by name.</summary>
    public IReadOnlyList<PolicyDocument> Documents { get; }

    /// <summary>The rules of all documents, by number.</summary>
    public IReadOnlyList<Rule> Rules { get; }

    /// <summary>
    /// Prefixes that need an identity of their own: those of rules and of their exceptions. Length 0 is not
    /// among them: that is the world.
    /// </summary>
    public IReadOnlySet<IpPrefix> CidrPrefixes { get; }

    /// <summary>The number the next new rule gets; keep it with the documents.</summary>
    public uint NextRuleId { get; }

    /// <summary>Puts together what was kept: documents with the number of their first rule.</summary>
    public static PolicySet Restore(IEnumerable<(PolicyDocument Document, uint FirstRuleId)> documents, uint nextRuleId)
    {
        ArgumentNullException.ThrowIfNull(documents);
        var byKey = new SortedDictionary<DocumentKey, PolicyDocument>();
        var next = Math.Max(nextRuleId, 1);
        foreach (var (document, first) in documents)
        {
            byKey[document.Key] = document.WithRuleIds(first);
            next = Math.Max(next, first + (uint)document.Rules.Count);
        }

        return new PolicySet(byKey, next);
    }

    /// <summary>The set with these documents added; one of a known kind and name takes the place of the older.</summary>
    public PolicySet With(IEnumerable<PolicyDocument> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        var byKey = new SortedDictionary<DocumentKey, PolicyDocument>(_documents);
        var next = NextRuleId;
        foreach (var document in documents)
        {
            if (byKey.TryGetValue(document.Key, out var older)
                && older.Text == document.Text
                && older.Rules.Count == document.Rules.Count
                && older.Rules.Count > 0)
            {
                byKey[document.Key] = document.WithRuleIds(older.Rules[0].Id);
                continue;
            }

            byKey[document.Key] = document.WithRuleIds(next);
            next += (uint)document.Rules.Count;
        }

        return new PolicySet(byKey, next);
    }

    /// <summary>The set without these documents; unknown ones have no effect.</summary>
    public PolicySet Without(params IEnumerable<DocumentKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var byKey = new SortedDictionary<DocumentKey, PolicyDocument>(_documents);
        foreach (var key in keys)
        {
            byKey.Remove(key);
        }

        return new PolicySet(byKey, NextRuleId);
    }

    /// <summary>The document of this kind and name, or null.</summary>
    public PolicyDocument? FindDocument(DocumentKey key) => _documents.GetValueOrDefault(key);

    /// <summary>
    /// The documents that somebody can mean who writes "web", "shop/web" or "NetworkPolicy/shop/web". The kind
    /// may be in any case.
    /// </summary>
    public IReadOnlyList<PolicyDocument> FindDocuments(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        PolicyDocument[] exact = [.. Documents.Where(document => IsFullName(document.Key, text))];
        return exact.Length > 0 ? exact : [.. Documents.Where(document => document.Name == text)];
    }

    /// <summary>What people call it: the name, with the kind before it where another kind has the same.</summary>
    public string DisplayName(DocumentKey key) => _shared.Contains(key.Name) ? key.ToString() : key.Name;

    /// <summary>The rule of this number, or null: it can be gone while events still name it.</summary>
    public Rule? FindRule(uint id) => _rulesById.GetValueOrDefault(id);

    private static bool IsFullName(DocumentKey key, string text) =>
        text.Length == key.Kind.Length + 1 + key.Name.Length
        && text[key.Kind.Length] == '/'
        && text.StartsWith(key.Kind, StringComparison.OrdinalIgnoreCase)
        && text.EndsWith(key.Name, StringComparison.Ordinal);

    private static SortedSet<IpPrefix> Prefixes(IReadOnlyList<Rule> rules) =>
    [
        .. rules.SelectMany(rule => rule.Entries)
            .SelectMany(entry => entry.Peers ?? [])
            .OfType<PeerSelector.ByCidr>()
            .SelectMany(cidr => cidr.Except.Append(cidr.Prefix))
            .Where(prefix => prefix.Length > 0),
    ];
}
