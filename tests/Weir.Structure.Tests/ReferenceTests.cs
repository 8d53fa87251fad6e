// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Weir.Structure.Tests;

/// <summary>The table of ARCHITECTURE.md, and what keeps it true.</summary>
public sealed partial class ReferenceTests
{
    internal static readonly string Root = typeof(ReferenceTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepoRoot").Value!;

    private static readonly Dictionary<string, string[]> _mayReference = new()
    {
        ["Weir.Net"] = [],
        ["Weir.Api"] = [],
        ["Weir.Http"] = [],
        ["Weir.Policy"] = ["Weir.Net", "Weir.Http"],
        ["Weir.Services"] = ["Weir.Net", "Weir.Policy"],
        ["Weir.Linux"] = ["Weir.Net"],
        ["Weir.Bpf"] = ["Weir.Linux"],
        ["Weir.Store"] = ["Weir.Linux"],
        ["Weir.Store.Etcd"] = ["Weir.Store"],
        ["Weir.Datapath"] = ["Weir.Bpf", "Weir.Policy"],
        ["Weir.Flows"] = ["Weir.Api", "Weir.Datapath"],
        ["Weir.Control"] = ["Weir.Store", "Weir.Flows", "Weir.Services"],
        ["Weir.Proxy"] = ["Weir.Api", "Weir.Datapath", "Weir.Http"],
        ["Weir.Docker"] = ["Weir.Control"],
        ["Weir.Cli"] = ["Weir.Api", "Weir.Linux", "Weir.Services"],
        ["Weir.Agent"] = ["Weir.Cli", "Weir.Docker", "Weir.Proxy", "Weir.Store.Etcd"],
        ["Weir.Ui"] = ["Weir.Cli"],
        ["Weir"] = ["Weir.Agent", "Weir.Cli", "Weir.Ui"],
    };

    public static TheoryData<string> Projects() => [.. Directory.GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories).Select(file => Path.GetFileNameWithoutExtension(file)!)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_ReferencesOnlyWhatTheTableAllows(string project)
    {
        Assert.True(_mayReference.ContainsKey(project), $"{project} is new: write an ADR, and add it to ARCHITECTURE.md and to this table");
        string[] references = [.. Read(project).Descendants("ProjectReference").Select(e => Path.GetFileNameWithoutExtension(e.Attribute("Include")!.Value))];
        Assert.Empty(references.Except(_mayReference[project]));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void OnlyLinuxAndBpf_AreUnsafe(string project)
    {
        bool isUnsafe = Read(project).Descendants("AllowUnsafeBlocks").Any(e => e.Value == "true");
        Assert.Equal(project is "Weir.Linux" or "Weir.Bpf", isUnsafe);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_IsInTheArchitecture(string project) =>
        Assert.Contains($"`src/{project}`", File.ReadAllText(Path.Combine(Root, "ARCHITECTURE.md")), StringComparison.Ordinal);

    [Fact]
    public void PathsInDocuments_Exist()
    {
        string[] documents = [.. Directory.GetFiles(Root, "*.md"), .. Directory.GetFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories)];
        List<string> missing = [];
        foreach (string document in documents)
        {
            foreach (Match match in PathInText().Matches(File.ReadAllText(document)))
            {
                if (!Path.Exists(Path.Combine(Root, match.Groups[1].Value)))
                {
                    missing.Add($"{Path.GetRelativePath(Root, document)}: {match.Groups[1].Value}");
                }
            }
        }

        Assert.Empty(missing);
    }

    [Fact]
    public void EveryProject_IsInTheSolution()
    {
        string solution = File.ReadAllText(Path.Combine(Root, "Weir.slnx"));
        string[] folders = ["src", "tests", "tools", "bench"];
        foreach (string file in folders.SelectMany(folder => Directory.GetFiles(Path.Combine(Root, folder), "*.csproj", SearchOption.AllDirectories)))
        {
            Assert.Contains(Path.GetRelativePath(Root, file), solution, StringComparison.Ordinal);
        }
    }

    private static XDocument Read(string project) => XDocument.Load(Path.Combine(Root, "src", project, project + ".csproj"));

    [GeneratedRegex("`((?:src|bpf|tests|tools|bench|scripts|docs|deploy|examples)/[A-Za-z0-9_./-]*[A-Za-z0-9_])/?`")]
    private static partial Regex PathInText();
}
