// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Patterns that are right and probably not meant: what people write who think of prefixes, of
/// shells or of URLs.</summary>
internal static class HttpSurprises
{
    /// <summary>The rest of sentences that begin with the pattern.</summary>
    public static IEnumerable<string> Of(string field, string pattern)
    {
        if (field == "path" && !pattern.Contains('/', StringComparison.Ordinal) && pattern[0] is not ('.' or '*' or '(' or '['))
        {
            yield return "matches the whole of a target, and targets begin with '/': it matches none";
        }

        if (field == "path" && pattern.EndsWith('/') && pattern.Length > 1)
        {
            yield return "matches this very path alone; for all below it write '.*' behind it";
        }

        if (field == "path" && Find(pattern, '?', IsLiteral) is { } question)
        {
            yield return $"makes '{pattern[question - 1]}' optional; a query string begins with '\\?'";
        }

        if (Find(pattern, '*', IsLiteral) is { } star)
        {
            yield return $"repeats '{pattern[star - 1]}' any number of times; any text is '.*'";
        }

        if (field == "method" && pattern.Any(char.IsAsciiLetterLower) && !pattern.StartsWith("(?i", StringComparison.Ordinal))
        {
            yield return "has small letters, and methods are told apart by case: GET, not get";
        }

        if (field == "host" && Find(pattern, '.', char.IsAsciiLetterOrDigit) is { } dot && dot + 1 < pattern.Length && char.IsAsciiLetterOrDigit(pattern[dot + 1]))
        {
            yield return "has '.', which is any character; a dot is '\\.'";
        }
    }

    private static bool IsLiteral(char c) => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '=' or '&';

    /// <summary>Where the character stands behind one of that kind; null: nowhere.</summary>
    private static int? Find(string pattern, char wanted, Func<char, bool> behind)
    {
        for (var i = 1; i < pattern.Length; i++)
        {
            if (pattern[i] == wanted && behind(pattern[i - 1]) && (i == 1 || pattern[i - 2] != '\\'))
            {
                return i;
            }
        }

        return null;
    }
}
