// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Weir.Services.Reading;

/// <summary>Lengths of time as people write them: "500ms", "2s", "1h30m", "7d".</summary>
public static class Duration
{
    public const string Example = "500ms, 2s, 3m, 1h30m or 7d";

    private const int MostDigits = 9;

    private static readonly (string Name, long Milliseconds)[] _units =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    /// <summary>Reads numbers with units, large units first.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        long total = 0;
        var nextUnit = 0;
        var at = 0;
        while (at < text.Length)
        {
            var digits = Run(text, at, char.IsAsciiDigit);
            var letters = Run(text, at + digits, char.IsAsciiLetter);
            var unit = Array.FindIndex(_units, u => text.AsSpan(at + digits, letters).SequenceEqual(u.Name));
            if (digits is 0 or > MostDigits || unit < nextUnit)
            {
                return false;
            }

            total += long.Parse(text.AsSpan(at, digits), NumberStyles.None) * _units[unit].Milliseconds;
            nextUnit = unit + 1;
            at += digits + letters;
        }

        duration = TimeSpan.FromMilliseconds(total);
        return at > 0;
    }

    /// <summary>As <see cref="TryParse"/> reads it; "0s" for none.</summary>
    public static string Write(TimeSpan duration)
    {
        var rest = (long)duration.TotalMilliseconds;
        var text = "";
        foreach (var (name, milliseconds) in _units)
        {
            text += rest >= milliseconds ? $"{rest / milliseconds}{name}" : "";
            rest %= milliseconds;
        }

        return text.Length == 0 ? "0s" : text;
    }

    private static int Run(string text, int from, Func<char, bool> belongs)
    {
        var at = from;
        while (at < text.Length && belongs(text[at]))
        {
            at++;
        }

        return at - from;
    }
}
