// SPDX-License-Identifier: Apache-2.0
namespace Weir.Site;

/// <summary>Where a file of the repository is in the site.</summary>
internal static class SitePath
{
    /// <summary>"docs/guides/policy.md" is docs/guides/policy.html; README.md is the first page.</summary>
    internal static string Of(string document) => document == "README.md" ? "index.html" : Path.ChangeExtension(document, ".html");

    /// <summary>"deploy/agent.yaml" is files/deploy/agent.yaml.html.</summary>
    internal static string OfFile(string file) => $"files/{file}.html";

    /// <summary>How one page leads to another.</summary>
    internal static string Between(string from, string to) => Path.GetRelativePath(Path.Combine("/", Path.GetDirectoryName(from)!), Path.Combine("/", to));
}
