// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Http.Patterns;

/// <summary>A regular expression that is looked for anywhere in a text, in linear time whatever both are.</summary>
public sealed class SearchPattern
{
    private readonly PatternSet _set;

    /// <exception cref="FormatException">It is none, or one that is not supported: "has a '(' that is not closed".</exception>
    public SearchPattern(string pattern)
    {
        try
        {
            _set = new PatternSet([$"(?:.|\\n)*(?:{pattern})(?:.|\\n)*"]);
        }
        catch (PatternException e)
        {
            throw new FormatException($"the pattern \"{pattern}\" {e.Message}");
        }
    }

    public bool IsIn(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Span<ulong> mask = [1];
        return _set.Narrow(Encoding.UTF8.GetBytes(text), mask);
    }
}
