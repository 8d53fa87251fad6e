// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text.RegularExpressions;

namespace Weir.Site;

internal static partial class Html
{
    internal static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>The files that pictures are of.</summary>
    internal static IEnumerable<string> SourcesIn(string html) => Sources().Matches(html).Select(match => match.Groups[1].Value).Where(file => !file.Contains("://", StringComparison.Ordinal));

    [GeneratedRegex("""(?:src|srcset)="([^" ]+)"[ />]""")]
    private static partial Regex Sources();
}
