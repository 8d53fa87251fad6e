// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Weir.Site;

/// <summary>
/// Makes a site of the repository's documents: one page for each, and one for each file of the repository that a page leads to. What is in
/// the menu is what docs/README.md lists. Everything is in the folder, so that it works from a disk. A link that leads nowhere is a problem.
/// </summary>
internal sealed class SiteBuilder(string root)
{
    private const string Menu = "docs/README.md";

    private static readonly MarkdownPipeline _markdown = new MarkdownPipelineBuilder()
        .UsePipeTables().UseAutoIdentifiers(AutoIdentifierOptions.GitHub).UseAutoLinks().Build();

    private readonly Dictionary<string, MarkdownDocument> _documents = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _files = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _images = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];
    private readonly SearchIndex _index = new();

    /// <summary>What is wrong: "docs/guides/a.md:12: …".</summary>
    internal IReadOnlyList<string> Problems => _problems;

    internal int Pages => _documents.Count + _files.Count;

    /// <returns>False: there are problems, and nothing was written.</returns>
    internal bool TryWrite(string output)
    {
        foreach (string file in Directory.GetFiles(root, "*.md").Concat(Directory.GetFiles(Path.Combine(root, "docs"), "*.md", SearchOption.AllDirectories)).Order(StringComparer.Ordinal))
        {
            _documents.Add(Path.GetRelativePath(root, file), Markdown.Parse(File.ReadAllText(file), _markdown));
        }

        foreach ((string path, MarkdownDocument document) in _documents)
        {
            Lead(path, document);
        }

        foreach (string guide in _documents.Keys.Where(path => path.StartsWith("docs/guides/", StringComparison.Ordinal) && !_menu.Contains(path)))
        {
            _problems.Add($"{Menu}:1: {guide} is not listed");
        }

        if (_problems.Count > 0)
        {
            return false;
        }

        Directory.CreateDirectory(output);
        var menu = new SiteMenu(_documents[Menu]);
        foreach ((string path, MarkdownDocument document) in _documents)
        {
            string page = SitePath.Of(path);
            _index.Add(page, document);
            Write(output, page, Theme.Page(page, TitleOf(document), menu.Render(page), document.ToHtml(_markdown), Contents(document)));
        }

        foreach (string file in _files)
        {
            string page = SitePath.OfFile(file);
            Write(output, page, Theme.Page(page, file, menu.Render(page), FilePage.Render(root, file), ""));
        }

        foreach (string image in _images)
        {
            string target = Path.Combine(output, image);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(root, image), target, overwrite: true);
        }

        foreach (string name in Theme.Files)
        {
            Write(output, name, Theme.Read(name));
        }

        Write(output, "search-index.js", _index.Write());
        return true;
    }

    private readonly HashSet<string> _menu = [];

    private static string TitleOf(MarkdownDocument document) =>
        document.Descendants<HeadingBlock>().FirstOrDefault() is { } heading ? PlainText.Of(heading) : "Weir";

    /// <summary>The headings of a page, where there are some.</summary>
    private static string Contents(MarkdownDocument document)
    {
        HeadingBlock[] headings = [.. document.OfType<HeadingBlock>().Where(heading => heading.Level == 2)];
        return headings.Length < 3 ? "" : string.Concat(headings.Select(heading => $"<li><a href=\"#{Html.Text(PlainText.IdOf(heading))}\">{Html.Text(PlainText.Of(heading))}</a></li>"));
    }

    private static void Write(string output, string page, string text)
    {
        string target = Path.Combine(output, page);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.WriteAllText(target, text, new UTF8Encoding(false));
    }

    /// <summary>Makes a document's links lead to pages.</summary>
    private void Lead(string path, MarkdownDocument document)
    {
        foreach (LinkInline link in document.Descendants<LinkInline>())
        {
            string url = link.Url ?? "";
            if (url.Length == 0 || url.Contains("://", StringComparison.Ordinal) || url.StartsWith("mailto:", StringComparison.Ordinal))
            {
                continue;
            }

            string[] parts = url.Split('#', 2);
            string target = parts[0].Length == 0 ? path : Path.GetRelativePath(root, Path.GetFullPath(Path.Combine(root, Path.GetDirectoryName(path)!, parts[0]))).TrimEnd('/');
            string? problem = target.StartsWith("..", StringComparison.Ordinal) || !Path.Exists(Path.Combine(root, target)) ? $"{target} is not there"
                : parts.Length == 2 && _documents.TryGetValue(target, out MarkdownDocument? aim) && !aim.Descendants<HeadingBlock>().Any(heading => PlainText.IdOf(heading) == parts[1]) ? $"{target} has no #{parts[1]}"
                : null;
            if (problem is not null)
            {
                _problems.Add($"{path}:{link.Line + 1}: the link to {url} leads nowhere: {problem}");
                continue;
            }

            if (path == Menu)
            {
                _menu.Add(target);
            }

            link.Url = SitePath.Between(SitePath.Of(path), link.IsImage ? Image(target) : PageOf(target)) + (parts.Length == 2 ? "#" + parts[1] : "");
        }

        // Pictures for light and for dark are written in HTML.
        foreach (HtmlBlock block in document.Descendants<HtmlBlock>())
        {
            for (int i = 0; i < block.Lines.Count; i++)
            {
                string line = block.Lines.Lines[i].Slice.ToString();
                foreach (string image in Html.SourcesIn(line))
                {
                    string target = Path.GetRelativePath(root, Path.GetFullPath(Path.Combine(root, Path.GetDirectoryName(path)!, image)));
                    if (File.Exists(Path.Combine(root, target)))
                    {
                        line = line.Replace($"\"{image}\"", $"\"{SitePath.Between(SitePath.Of(path), Image(target))}\"", StringComparison.Ordinal);
                    }
                    else
                    {
                        _problems.Add($"{path}:{block.Line + i + 1}: the picture {image} is not there");
                    }
                }

                block.Lines.Lines[i].Slice = new Markdig.Helpers.StringSlice(line);
            }
        }
    }

    private string Image(string target)
    {
        _images.Add(target);
        return target;
    }

    private string PageOf(string target)
    {
        if (_documents.ContainsKey(target))
        {
            return SitePath.Of(target);
        }

        // A folder is what is in it.
        if (_files.Add(target) && Directory.Exists(Path.Combine(root, target)))
        {
            foreach (string file in FilePage.In(root, target))
            {
                PageOf(file);
            }
        }

        return SitePath.OfFile(target);
    }
}
