// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;

namespace Weir.Policy;

/// <summary>One label, "source:key=value". The value can be empty.</summary>
public sealed record Label(string Source, string Key, string Value) : IComparable<Label>
{
    /// <summary>
    /// Reads "source:key=value". Without a source it is <see cref="LabelSources.Any"/>, without "=" the
    /// value is empty. A colon in a key without source is part of the key unless a known source stands before it.
    /// </summary>
    /// <exception cref="FormatException">The key is empty.</exception>
    public static Label Parse(string text) =>
        TryParse(text, out var label) ? label : throw new FormatException($"\"{text}\" is not a label; write key=value or source:key=value");

    /// <summary>As <see cref="Parse"/>; false: the key is empty.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out Label? label)
    {
        ArgumentNullException.ThrowIfNull(text);
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var (source, key) = SplitKey(equals < 0 ? text : text[..equals]);
        label = key.Length > 0 ? new Label(source, key, equals < 0 ? "" : text[(equals + 1)..]) : null;
        return label is not null;
    }

    /// <summary>Whether it says nothing of where the label comes from. "k8s:" is how Cilium's users write a workload's own
    /// labels; here these come from Docker.</summary>
    public bool IsOfAnySource => Source is LabelSources.Any or LabelSources.Kubernetes;

    /// <summary>Whether an identity's label is one that is asked for by this.</summary>
    public bool Fits(Label own) => own.Key == Key && own.Value == Value && (IsOfAnySource || own.Source == Source);

    /// <inheritdoc/>
    public int CompareTo(Label? other)
    {
        if (other is null)
        {
            return 1;
        }

        var order = string.CompareOrdinal(Source, other.Source);
        order = order != 0 ? order : string.CompareOrdinal(Key, other.Key);
        return order != 0 ? order : string.CompareOrdinal(Value, other.Value);
    }

    public static bool operator <(Label left, Label right) => left.CompareTo(right) < 0;

    public static bool operator >(Label left, Label right) => left.CompareTo(right) > 0;

    public static bool operator <=(Label left, Label right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Label left, Label right) => left.CompareTo(right) >= 0;

    /// <summary>"source:key=value", or "source:key" when the value is empty.</summary>
    public override string ToString() => string.IsNullOrEmpty(Value) ? $"{Source}:{Key}" : $"{Source}:{Key}={Value}";

    /// <summary>Splits "source:key"; the source is <see cref="LabelSources.Any"/> when none is told.</summary>
    internal static (string Source, string Key) SplitKey(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            var before = text[..colon];
            if (before.Length == 0)
            {
                return (LabelSources.Any, text[1..]);
            }

            if (LabelSources.All.Contains(before))
            {
                return (before, text[(colon + 1)..]);
            }
        }

        return (LabelSources.Any, text);
    }
}
