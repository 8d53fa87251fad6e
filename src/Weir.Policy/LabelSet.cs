// SPDX-License-Identifier: Apache-2.0
using System.Collections;
using System.Text;
using Weir.Net;

namespace Weir.Policy;

/// <summary>
/// The labels of one identity: sorted, without repetition, at most one value for a source and key
/// (the last one given counts). Two sets with the same labels are equal.
/// </summary>
public sealed class LabelSet : IReadOnlyCollection<Label>, IEquatable<LabelSet>
{
    private readonly Label[] _labels;
    private readonly int _hash;

    public LabelSet(IEnumerable<Label> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        var byKey = new SortedDictionary<(string Source, string Key), Label>(KeyOrder.Instance);
        foreach (var label in labels)
        {
            byKey[(label.Source, label.Key)] = label;
        }

        _labels = [.. byKey.Values];
        Canonical = Write(_labels);
        _hash = string.GetHashCode(Canonical, StringComparison.Ordinal);
    }

    /// <summary>No label.</summary>
    public static LabelSet Empty { get; } = new([]);

    /// <summary>
    /// One text for one set: labels in order, each followed by ';'. A ';' or '\' inside a label has a '\'
    /// before it, so that different sets have different texts.
    /// </summary>
    public string Canonical { get; }

    /// <inheritdoc/>
    public int Count => _labels.Length;

    /// <summary>Reads labels as <see cref="Label.Parse"/> does.</summary>
    /// <exception cref="FormatException">One of them is no label.</exception>
    public static LabelSet Parse(params IEnumerable<string> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return new LabelSet(labels.Select(Label.Parse));
    }

    /// <summary>Reads what <see cref="Canonical"/> wrote.</summary>
    /// <exception cref="FormatException">The text was not written by <see cref="Canonical"/>.</exception>
    public static LabelSet ParseCanonical(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var labels = new List<Label>();
        var current = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length)
            {
                current.Append(text[++i]);
            }
            else if (text[i] == ';')
            {
                labels.Add(Label.Parse(current.ToString()));
                current.Clear();
            }
            else
            {
                current.Append(text[i]);
            }
        }

        return current.Length == 0
            ? new LabelSet(labels)
            : throw new FormatException($"\"{text}\" is not a set of labels: the last label has no ';' after it");
    }

    /// <summary>
    /// Labels of an identity that is not an endpoint's: "reserved:host"; the world's families also carry
    /// "reserved:world"; a CIDR identity carries "cidr:10.0.0.0/8" and the labels of its family.
    /// </summary>
    public static LabelSet ForReserved(Identity identity, IpPrefix? cidr = null)
    {
        var labels = new List<Label>();
        if (identity.IsCidr)
        {
            labels.Add(new Label(LabelSources.Reserved, "world", ""));
            if (cidr is { } prefix)
            {
                labels.Add(new Label(LabelSources.Reserved, prefix.IsIpv6 ? "world-ipv6" : "world-ipv4", ""));
                labels.Add(new Label(LabelSources.Cidr, prefix.Masked.ToString(), ""));
            }
        }
        else
        {
            labels.Add(new Label(LabelSources.Reserved, identity.ReservedName ?? identity.Value.ToString(), ""));
            if (identity.IsWorld)
            {
                labels.Add(new Label(LabelSources.Reserved, "world", ""));
            }
        }

        return new LabelSet(labels);
    }

    /// <inheritdoc/>
    public IEnumerator<Label> GetEnumerator() => ((IEnumerable<Label>)_labels).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public bool Equals(LabelSet? other) =>
        ReferenceEquals(this, other) || (other is not null && _hash == other._hash && Canonical == other.Canonical);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LabelSet);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <summary>The labels with ", " between them.</summary>
    public override string ToString() => string.Join(", ", _labels);

    internal ReadOnlySpan<Label> AsSpan() => _labels;

    private static string Write(Label[] labels)
    {
        var text = new StringBuilder();
        foreach (var label in labels)
        {
            foreach (var c in label.ToString())
            {
                if (c is ';' or '\\')
                {
                    text.Append('\\');
                }

                text.Append(c);
            }

            text.Append(';');
        }

        return text.ToString();
    }

    private sealed class KeyOrder : IComparer<(string Source, string Key)>
    {
        public static KeyOrder Instance { get; } = new();

        public int Compare((string Source, string Key) x, (string Source, string Key) y)
        {
            var order = string.CompareOrdinal(x.Source, y.Source);
            return order != 0 ? order : string.CompareOrdinal(x.Key, y.Key);
        }
    }
}
