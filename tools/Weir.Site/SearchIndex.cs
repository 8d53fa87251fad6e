// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Markdig.Syntax;

namespace Weir.Site;

/// <summary>What the search looks into: each section of each page. A script and not data, so that a page from a disk may load it.</summary>
internal sealed class SearchIndex
{
    private static readonly JsonSerializerOptions _json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<string[]> _sections = [];

    internal void Add(string page, MarkdownDocument document)
    {
        string title = "", heading = "", id = "";
        var text = new StringBuilder();
        foreach (LeafBlock block in document.Descendants<LeafBlock>())
        {
            if (block is not HeadingBlock next)
            {
                text.Append(PlainText.Of(block)).Append('\n');
                continue;
            }

            Keep();
            heading = PlainText.Of(next);
            id = title.Length == 0 ? "" : PlainText.IdOf(next);
            title = title.Length == 0 ? heading : title;
        }

        Keep();

        void Keep()
        {
            if (text.Length > 0 || heading.Length > 0)
            {
                _sections.Add([id.Length > 0 ? $"{page}#{id}" : page, title, heading == title ? "" : heading, text.ToString()]);
            }

            text.Clear();
        }
    }

    internal string Write() => $"const INDEX = {JsonSerializer.Serialize(_sections, _json)};\n";
}
