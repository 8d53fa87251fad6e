// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Policy;

namespace Weir.Control.Past;

/// <summary>What is not as it was, in words.</summary>
internal static class HistoryDifferences
{
    /// <summary>Keys with another text: "added", "changed" or "deleted", in their order.</summary>
    internal static IEnumerable<(string Key, string What)> Keys(IReadOnlyDictionary<string, string> before, IReadOnlyDictionary<string, string> after) =>
        before.Keys.Concat(after.Keys).Distinct().Order(StringComparer.Ordinal)
            .Select(key => (key, !before.TryGetValue(key, out string? old) ? "added" : !after.TryGetValue(key, out string? @new) ? "deleted" : old == @new ? "" : "changed"))
            .Where(change => change.Item2.Length > 0);

    /// <param name="asked">Names that the question has: of these all is told, of others how many they are.</param>
    internal static IReadOnlyList<string> Of(IReadOnlyDictionary<string, string> then, IReadOnlyDictionary<string, string> now, IReadOnlyList<string> asked)
    {
        List<string> texts = [];
        foreach (var (key, what) in Keys(then, now))
        {
            if (key.StartsWith(HistoryEntries.Policies, StringComparison.Ordinal))
            {
                string name = key[(key.IndexOf('/', HistoryEntries.Policies.Length) + 1)..];
                KeptPolicy? kept = now.TryGetValue(key, out string? text) ? HistoryEntries.PolicyOf(text) : null;
                string by = kept is { AppliedBy.Length: > 0, AppliedAt: { } at } ? $" by {kept.AppliedBy} at {at.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z" : "";
                texts.Add(what switch
                {
                    "added" => $"policy {name} came later{by}",
                    "deleted" => $"policy {name} is gone since",
                    _ when kept!.Text == HistoryEntries.PolicyOf(then[key]).Text => $"policy {name} only moved, to {kept.SourceFile}:{kept.FirstLine}",
                    _ => $"policy {name} was changed{by}",
                });
            }
            else if (key == HistoryEntries.Enforcement)
            {
                texts.Add($"the agent's enforcement was {then[key].ToLowerInvariant()}, and is {now[key].ToLowerInvariant()}");
            }
        }

        texts.AddRange(Containers(then, now, asked));
        return texts;
    }

    private static IEnumerable<string> Containers(IReadOnlyDictionary<string, string> then, IReadOnlyDictionary<string, string> now, IReadOnlyList<string> asked)
    {
        ILookup<string, Endpoint> before = HistoryEntries.EndpointsOf(then).ToLookup(endpoint => endpoint.Name), after = HistoryEntries.EndpointsOf(now).ToLookup(endpoint => endpoint.Name);
        int others = 0;
        foreach (string name in before.Concat(after).Select(same => same.Key).Distinct().Order(StringComparer.Ordinal))
        {
            if (Difference(name, [.. before[name]], [.. after[name]]) is not { } text)
            {
                continue;
            }

            if (asked.Contains(name))
            {
                yield return text;
            }
            else
            {
                others++;
            }
        }

        if (others > 0)
        {
            yield return others == 1 ? "1 other container came, went or changed" : $"{others} other containers came, went or changed";
        }
    }

    private static string? Difference(string name, Endpoint[] before, Endpoint[] after)
    {
        string Labels(Endpoint[] endpoints) => endpoints.Length == 0 ? "" : endpoints[0].Labels.ToString();
        string Addresses(Endpoint[] endpoints) => string.Join(", ", endpoints.SelectMany(endpoint => endpoint.Addresses).Order(AddressOrder.Instance));
        return after.Length == 0 ? $"container {name} is gone since"
            : before.Length == 0 ? $"container {name} came later"
            : Labels(before) != Labels(after) ? $"container {name} had other labels: {Labels(before)}"
            : Addresses(before) != Addresses(after) ? $"container {name} had other addresses: {Addresses(before)}"
            : null;
    }

    private sealed class AddressOrder : IComparer<System.Net.IPAddress>
    {
        internal static AddressOrder Instance { get; } = new();

        public int Compare(System.Net.IPAddress? x, System.Net.IPAddress? y) => string.CompareOrdinal(x?.ToString(), y?.ToString());
    }
}
