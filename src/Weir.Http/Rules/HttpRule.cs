// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Patterns;

namespace Weir.Http.Rules;

/// <summary>
/// Requests that are allowed: all that is written must hold. Method, path and host are regular
/// expressions over the whole of it; null: any.
/// </summary>
public sealed record HttpRule(string? Method, string? Path, string? Host, IReadOnlyList<HeaderRule> Headers)
{
    /// <summary>Allows every request.</summary>
    public static HttpRule Any { get; } = new(null, null, null, []);

    /// <summary>Checks a pattern by itself.</summary>
    /// <exception cref="PatternException">It cannot be used; the message is the rest of a sentence that begins with it.</exception>
    public static void CheckPattern(string pattern) => PatternSet.Check(pattern);

    /// <summary>"GET /public", "any method, path /a, host b, header X: y".</summary>
    public override string ToString()
    {
        string[] parts =
        [
            .. new[] { Method, Path, Host is null ? null : $"host {Host}" }.Where(part => part is not null)!,
            .. Headers.Select(header => header.ToString()),
        ];
        return parts.Length == 0 ? "every request" : string.Join(' ', parts);
    }
}
