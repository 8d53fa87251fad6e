// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Policy.Evaluation;

namespace Weir.Policy.Comparison;

/// <summary>Entries as texts that are equal where they mean the same, whatever rule and file they are in.</summary>
internal static class EntryText
{
    /// <summary>What the entry says of a peer that it selects.</summary>
    public static string OfAnswer(EntryOfRule entry) => $"{entry.Rule.IsAudit};{OfAnswer(entry.Entry)}";

    /// <summary>The same with whom it selects.</summary>
    public static string Of(EntryOfRule entry) =>
        $"{entry.Entry.Direction};{OfAnswer(entry)};{(entry.Entry.Peers is null ? "any" : string.Concat(entry.Entry.Peers.Select(PeerMatcher.KeyOf)))}";

    private static string OfAnswer(RuleEntry entry) =>
        $"{entry.IsDeny};{(entry.Ports is null ? "any" : string.Concat(entry.Ports.Select(Of)))};{(entry.Http is null ? "" : new HttpPolicy([.. entry.Http.Select(item => new HttpAllowance(0, item.Rule))]).Text)}";

    private static string Of(PortSelector port) => $",{port.Protocol},{port.First},{port.Last},{port.Name?.Length}:{port.Name}";
}
