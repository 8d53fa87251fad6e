// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services.Reading;

/// <summary>Somebody's text for a message: short, and without control characters.</summary>
internal static class Quoted
{
    private const int Longest = 60;

    public static string Of(string text)
    {
        var shown = text.Length > Longest ? text[..Longest] + "…" : text;
        return $"\"{string.Concat(shown.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c))}\"";
    }
}
