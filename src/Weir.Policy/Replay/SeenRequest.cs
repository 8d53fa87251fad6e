// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Rules;

namespace Weir.Policy.Replay;

/// <summary>A request as the record keeps it.</summary>
/// <param name="Path">Segments that were somebody's own are "*", a query is "?*", and of a long one the rest is "…".</param>
/// <param name="Host">Empty: it had none.</param>
public sealed record SeenRequest(string Method, string Path, string Host)
{
    /// <summary>What stands for the rest of a path that is not on record.</summary>
    public const char Rest = '…';

    private const string Asterisk = "*"; // what OPTIONS asks of the whole server

    /// <summary>"GET /orders/*".</summary>
    public string Text => Method.Length == 0 ? "no request" : $"{Method} {Path}";

    /// <summary>Whether it stands for one request alone, but for its headers.</summary>
    internal bool IsWhole => Path == Asterisk || !Path.Contains('*', StringComparison.Ordinal) && !Path.Contains(Rest, StringComparison.Ordinal);

    /// <summary>Allows just the requests that it stands for.</summary>
    internal HttpRule Shape => new(Quote(Method), Path == Asterisk ? Quote(Path) : PathPattern(), Host.Length == 0 ? null : Quote(Host), []);

    /// <summary>The text as a pattern that matches it alone.</summary>
    internal static string Quote(string text)
    {
        var pattern = new StringBuilder(text.Length + 8);
        foreach (var c in text)
        {
            pattern.Append(c is '.' or '*' or '+' or '?' or '(' or ')' or '[' or ']' or '{' or '}' or '|' or '^' or '$' or '\\' ? $"\\{c}" : $"{c}");
        }

        return pattern.ToString();
    }

    private string PathPattern()
    {
        var rest = Path.IndexOf(Rest, StringComparison.Ordinal);
        var known = rest < 0 ? Path : Path[..rest];
        var hasQuery = rest < 0 && known.EndsWith("?*", StringComparison.Ordinal);
        known = hasQuery ? known[..^2] : known;
        var segments = known.Split('/').Select(segment => segment == "*" ? "[^/?]+" : Quote(segment));
        return string.Join('/', segments) + (rest >= 0 ? ".*" : hasQuery ? @"\?.*" : "");
    }
}
