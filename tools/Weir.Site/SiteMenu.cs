// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Weir.Site;

/// <summary>The menu of every page: the headings and first links of lines of docs/README.md.</summary>
internal sealed class SiteMenu
{
    private const string Home = "docs/README.html";

    private readonly List<(string? Group, string Text, string Page)> _entries = [];

    internal SiteMenu(MarkdownDocument document)
    {
        foreach (LeafBlock block in document.Descendants<LeafBlock>())
        {
            if (block is HeadingBlock { Level: 2 } heading)
            {
                _entries.Add((PlainText.Of(heading), "", ""));
            }
            else if (block.Inline?.FirstChild is LinkInline { Url: { } url, IsImage: false } link && !url.Contains("://", StringComparison.Ordinal))
            {
                string page = Path.GetRelativePath("/", Path.GetFullPath(Path.Combine("/", Path.GetDirectoryName(Home)!, url)));
                _entries.Add((null, string.Concat(link.Descendants<LiteralInline>().Select(text => text.Content.ToString())), page));
            }
        }
    }

    internal string Render(string page)
    {
        var html = new StringBuilder();
        bool isOpen = false;
        foreach ((string? group, string text, string target) in _entries)
        {
            if (group is not null)
            {
                html.Append(isOpen ? "</ul>" : "").Append("<h2>").Append(Html.Text(group)).Append("</h2><ul>");
                isOpen = true;
            }
            else
            {
                string here = target == page ? " aria-current=\"page\"" : "";
                html.Append($"<li><a href=\"{Html.Text(SitePath.Between(page, target))}\"{here}>{Html.Text(text)}</a></li>");
            }
        }

        return html.Append(isOpen ? "</ul>" : "").ToString();
    }
}
