// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Policies;

namespace Weir.Control.Past;

/// <summary>What became of a flow at a time that is past.</summary>
/// <param name="Now">What would become of it now; null: one of its ends is not there any more.</param>
/// <param name="Differences">What is not as it was: "policy web-to-api was changed".</param>
public sealed record PastExplanation(FlowExplanation Then, FlowExplanation? Now, IReadOnlyList<string> Differences);

/// <summary>Policy that was in force for a time.</summary>
/// <param name="Until">Null: it is in force.</param>
public sealed record PastRevision
{
    private readonly IReadOnlyDictionary<string, string>? _before;

    internal PastRevision(DateTimeOffset since, DateTimeOffset? until, IReadOnlyDictionary<string, string> entries, IReadOnlyDictionary<string, string>? before)
    {
        Since = since;
        Until = until;
        Entries = entries;
        _before = before;
    }

    public DateTimeOffset Since { get; init; }

    public DateTimeOffset? Until { get; init; }

    /// <summary>What is different from the one before; of the first all of it.</summary>
    public IReadOnlyList<DocumentOutcome> Changes =>
    [
        .. HistoryDifferences.Keys(_before ?? new Dictionary<string, string>(), Entries).Where(change => change.Key.StartsWith(HistoryEntries.Policies, StringComparison.Ordinal)).Select(change =>
        {
            string name = change.Key[HistoryEntries.Policies.Length..];
            return new DocumentOutcome(name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..], name.Split('/')[0], change.What, 0, 0);
        }),
    ];

    /// <summary>Who made the changes; empty: it is not known.</summary>
    public string By => string.Join(", ", Changes.Where(change => change.Change != "deleted")
        .Select(change => HistoryEntries.PolicyOf(Entries[$"{HistoryEntries.Policies}{change.Kind}/{change.Name}"]).AppliedBy ?? "").Where(by => by.Length > 0).Distinct());

    public int Policies => Entries.Keys.Count(key => key.StartsWith(HistoryEntries.Policies, StringComparison.Ordinal));

    public int Rules => HistoryEntries.EngineOf(Entries).Set.Rules.Count;

    /// <summary>"default", "always", "never".</summary>
    public string Enforcement => Entries.GetValueOrDefault(HistoryEntries.Enforcement, "").ToLowerInvariant();

    internal IReadOnlyDictionary<string, string> Entries { get; }

    internal bool IsSame(IReadOnlyDictionary<string, string> entries) => !HistoryDifferences.Keys(Entries, entries).Any();
}
