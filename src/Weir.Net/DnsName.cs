// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Weir.Net;

/// <summary>A name as hosts have them in DNS (RFC 1123 §2.1, with the '_' that containers' names may have), in lower case and without
/// a dot behind.</summary>
public readonly record struct DnsName
{
    /// <summary>Letters at most. DNS itself would take 253.</summary>
    public const int Longest = WireBytes - 2;

    /// <summary>Bytes at most, as DNS writes a name: a length before each label, and one of 0 as the end.</summary>
    public const int WireBytes = 128;

    private const int LongestLabel = 63;

    private readonly string? _text;

    private DnsName(string text) => _text = text;

    /// <summary>False: DNS has no such name, or it is too long.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out DnsName name)
    {
        bool isName = text is { Length: > 0 and <= Longest } && text.Split('.').All(label => label.Length is > 0 and <= LongestLabel && label.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_'));
        name = isName ? new DnsName(text!.ToLowerInvariant()) : default;
        return isName;
    }

    /// <summary>The name as DNS writes it.</summary>
    public static DnsName Read(ReadOnlySpan<byte> wire)
    {
        var text = new StringBuilder();
        for (int at = 0; at < wire.Length && wire[at] != 0; at += wire[at] + 1)
        {
            text.Append(text.Length > 0 ? "." : "").Append(Encoding.ASCII.GetString(wire.Slice(at + 1, Math.Min(wire[at], wire.Length - at - 1))));
        }

        return new DnsName(text.ToString());
    }

    /// <summary>Writes it as DNS does. What is behind its end stays as it is.</summary>
    /// <param name="wire"><see cref="WireBytes"/>.</param>
    public void Write(Span<byte> wire)
    {
        int at = 0;
        foreach (string label in ToString().Split('.'))
        {
            wire[at] = (byte)label.Length;
            at += 1 + Encoding.ASCII.GetBytes(label, wire[(at + 1)..]);
        }

        wire[at] = 0;
    }

    /// <summary>This name in a domain; null: it would be too long.</summary>
    public DnsName? In(DnsName domain) => TryParse($"{this}.{domain}", out DnsName name) ? name : null;

    /// <inheritdoc/>
    public override string ToString() => _text ?? "";
}
