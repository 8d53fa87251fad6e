// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Suggestions;

/// <summary>The other end of a suggested entry: just one of labels, an entity, prefixes, or anybody.</summary>
internal sealed record SuggestedPeer(int Order, string Text)
{
    public static SuggestedPeer Anybody { get; } = new(9, "");

    public IReadOnlyList<Label> Labels { get; private init; } = [];

    public string Entity { get; private init; } = "";

    public IReadOnlyList<IpPrefix> Prefixes { get; private init; } = [];

    public static SuggestedPeer Of(IReadOnlyList<Label> labels) => new(0, string.Join(",", labels.Select(label => $"{label.Key}={label.Value}"))) { Labels = labels };

    public static SuggestedPeer OfEntity(string name) => new(1, name) { Entity = name };

    public static SuggestedPeer Of(IReadOnlyList<IpPrefix> prefixes)
    {
        IpPrefix[] sorted = [.. prefixes.Order()];
        return new SuggestedPeer(2, string.Join(", ", sorted)) { Prefixes = sorted };
    }

    public bool Equals(SuggestedPeer? other) => other is not null && Order == other.Order && Text == other.Text;

    public override int GetHashCode() => HashCode.Combine(Order, Text);
}
