// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// The documents in force, by name. Immutable. Rule numbers stay with an unchanged document; changed and
/// new ones get new numbers, never one that was used before.
/// </summary>
public sealed class PolicySet
{
    private readonly SortedDictionary<string, PolicyDocument> _documents;
    private readonly Dictionary<uint, Rule> _rulesById;

    private PolicySet(SortedDictionary<string, PolicyDocument> documents, uint nextRuleId)
    {
        _documents = documents;
        NextRuleId = nextRuleId;
        Documents = [.. documents.Values];
        Rules = [.. Documents.SelectMany(document => document.Rules).OrderBy(rule => rule.Id)];
        _rulesById = Rules.ToDictionary(rule => rule.Id);
        CidrPrefixes = Prefixes(Rules);
    }

    /// <summary>No policy.</summary>
    public static PolicySet Empty { get; } = new(new SortedDictionary<string, PolicyDocument>(StringComparer.Ordinal), 1);

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
        var byName = new SortedDictionary<string, PolicyDocument>(StringComparer.Ordinal);
        var next = Math.Max(nextRuleId, 1);
        foreach (var (document, first) in documents)
        {
            byName[document.Name] = document.WithRuleIds(first);
            next = Math.Max(next, first + (uint)document.Rules.Count);
        }

        return new PolicySet(byName, next);
    }

    /// <summary>The set with these documents added; one with a known name takes the place of the older.</summary>
    public PolicySet With(IEnumerable<PolicyDocument> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        var byName = new SortedDictionary<string, PolicyDocument>(_documents, StringComparer.Ordinal);
        var next = NextRuleId;
        foreach (var document in documents)
        {
            if (byName.TryGetValue(document.Name, out var older)
                && older.Text == document.Text
                && older.Rules.Count == document.Rules.Count
                && older.Rules.Count > 0)
            {
                byName[document.Name] = document.WithRuleIds(older.Rules[0].Id);
                continue;
            }

            byName[document.Name] = document.WithRuleIds(next);
            next += (uint)document.Rules.Count;
        }

        return new PolicySet(byName, next);
    }

    /// <summary>The set without the documents of these names; unknown names have no effect.</summary>
    public PolicySet Without(params IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var byName = new SortedDictionary<string, PolicyDocument>(_documents, StringComparer.Ordinal);
        foreach (var name in names)
        {
            byName.Remove(name);
        }

        return new PolicySet(byName, NextRuleId);
    }

    /// <summary>The document of this name, or null.</summary>
    public PolicyDocument? FindDocument(string name) => _documents.GetValueOrDefault(name);

    /// <summary>The rule of this number, or null: it can be gone while events still name it.</summary>
    public Rule? FindRule(uint id) => _rulesById.GetValueOrDefault(id);

    private static SortedSet<IpPrefix> Prefixes(IReadOnlyList<Rule> rules) =>
    [
        .. rules.SelectMany(rule => rule.Entries)
            .SelectMany(entry => entry.Peers ?? [])
            .OfType<PeerSelector.ByCidr>()
            .SelectMany(cidr => cidr.Except.Append(cidr.Prefix))
            .Where(prefix => prefix.Length > 0),
    ];
}
