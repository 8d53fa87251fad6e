// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Weir.Site;

/// <summary>The words of what is written in Markdown.</summary>
internal static class PlainText
{
    internal static string Of(LeafBlock block)
    {
        var text = new StringBuilder();
        if (block.Inline is { } inline)
        {
            foreach (Inline part in inline.Descendants())
            {
                text.Append(part switch
                {
                    LiteralInline literal => literal.Content.ToString(),
                    CodeInline code => code.Content,
                    LineBreakInline => " ",
                    _ => "",
                });
            }
        }
        else
        {
            text.Append(block.Lines.ToString());
        }

        return text.ToString();
    }

    /// <summary>By which a link finds a heading.</summary>
    internal static string IdOf(HeadingBlock heading) => heading.TryGetAttributes()?.Id ?? "";
}
