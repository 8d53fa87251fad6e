// SPDX-License-Identifier: Apache-2.0
namespace Weir.Site;

/// <summary>A file of the repository, or what is in a folder of it.</summary>
internal static class FilePage
{
    internal static string Render(string root, string path)
    {
        string full = Path.Combine(root, path);
        return Directory.Exists(full)
            ? $"<h1>{Html.Text(path)}/</h1><ul>{string.Concat(In(root, path).Select(file => $"<li><a href=\"{Html.Text(LinkTo(path, file))}\">{Html.Text(file)}</a></li>"))}</ul>"
            : $"<h1>{Html.Text(path)}</h1><pre><code>{Html.Text(File.ReadAllText(full))}</code></pre>";
    }

    /// <summary>Files of text in a folder, and in those below.</summary>
    internal static IEnumerable<string> In(string root, string folder) =>
        Directory.GetFiles(Path.Combine(root, folder), "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file)).Where(IsShown).Order(StringComparer.Ordinal);

    private static string LinkTo(string folder, string file) =>
        SitePath.Between(SitePath.OfFile(folder), file.EndsWith(".md", StringComparison.Ordinal) ? SitePath.Of(file) : SitePath.OfFile(file));

    private static bool IsShown(string file) => Path.GetExtension(file) is ".md" or ".yaml" or ".yml" or ".json" or ".service" or ".sh" or "" && !file.Split('/').Any(part => part is "bin" or "obj");
}
