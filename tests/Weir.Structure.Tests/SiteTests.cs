// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Weir.Site;
using Xunit;

namespace Weir.Structure.Tests;

/// <summary>The documentation as a site.</summary>
public sealed partial class SiteTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-site").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Site_HasEveryDocument_AndNoLinkThatLeadsNowhere()
    {
        var site = new SiteBuilder(ReferenceTests.Root);
        Assert.True(site.TryWrite(_folder), string.Join('\n', site.Problems));
        string[] pages = Directory.GetFiles(_folder, "*.html", SearchOption.AllDirectories);
        Assert.Equal(site.Pages, pages.Length);
        List<string> broken = [];
        foreach (string page in pages)
        {
            foreach (Match link in Link().Matches(File.ReadAllText(page)))
            {
                string target = link.Groups[1].Value;
                if (!target.Contains("://", StringComparison.Ordinal) && !File.Exists(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, target))))
                {
                    broken.Add($"{Path.GetRelativePath(_folder, page)}: {target}");
                }
            }
        }

        Assert.Empty(broken);
        Assert.Contains("policy-denied", File.ReadAllText(Path.Combine(_folder, "search-index.js")), StringComparison.Ordinal);
        Assert.Contains("aria-current", File.ReadAllText(Path.Combine(_folder, "docs/guides/policy.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void LinkThatLeadsNowhere_IsToldWithItsPlace_AndNothingIsWritten()
    {
        string root = Directory.CreateTempSubdirectory("weir-docs").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(root, "docs/guides"));
            File.WriteAllText(Path.Combine(root, "README.md"), "# First\n\nSee [the guide](docs/guides/a.md#there), [nothing](nowhere.md).\n\n<img src=\"docs/x.png\" alt=\"\">\n");
            File.WriteAllText(Path.Combine(root, "docs/README.md"), "# Docs\n\n## Start\n\n- [First](../README.md)\n");
            File.WriteAllText(Path.Combine(root, "docs/guides/a.md"), "# A\n\n## Here\n");
            var site = new SiteBuilder(root);
            Assert.False(site.TryWrite(_folder));
            Assert.Equal(
                [
                    "README.md:3: the link to docs/guides/a.md#there leads nowhere: docs/guides/a.md has no #there",
                    "README.md:3: the link to nowhere.md leads nowhere: nowhere.md is not there",
                    "README.md:5: the picture docs/x.png is not there",
                    "docs/README.md:1: docs/guides/a.md is not listed",
                ],
                site.Problems);
            Assert.Empty(Directory.GetFiles(_folder));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [GeneratedRegex("(?:href|src|srcset)=\"([^\"#]+)[\"#]")]
    private static partial Regex Link();
}
