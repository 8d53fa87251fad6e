// SPDX-License-Identifier: Apache-2.0
using System.Reflection;

namespace Weir.Site;

/// <summary>What all pages have in common.</summary>
internal static class Theme
{
    internal static IReadOnlyList<string> Files { get; } = ["site.css", "site.js"];

    internal static string Read(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name) ?? throw new FileNotFoundException(name);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <param name="menu">HTML, as are the body and the contents.</param>
    internal static string Page(string page, string title, string menu, string body, string contents)
    {
        string up = SitePath.Between(page, "index.html");
        return Read("page.html")
            .Replace("{base}", Html.Text(up[..^"index.html".Length]), StringComparison.Ordinal)
            .Replace("{title}", Html.Text(title == "Weir" ? title : $"{title} · Weir"), StringComparison.Ordinal)
            .Replace("{menu}", menu, StringComparison.Ordinal)
            .Replace("{contents}", contents.Length == 0 ? "" : $"<nav class=\"contents\" aria-label=\"On this page\"><h2>On this page</h2><ul>{contents}</ul></nav>", StringComparison.Ordinal)
            .Replace("{body}", body, StringComparison.Ordinal);
    }
}
