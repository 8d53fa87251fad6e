// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Reading;

namespace Weir.Policy;

/// <summary>
/// Reads policy files: lists of Cilium rules (JSON or YAML), CiliumNetworkPolicy,
/// CiliumClusterwideNetworkPolicy and Kubernetes NetworkPolicy (YAML with any number of documents, or JSON).
/// </summary>
public static class PolicyReader
{
    /// <summary>
    /// Reads a text. Never throws for what is in it: all problems are in the result. Whoever keeps a
    /// document's text and reads it again gives its <see cref="PolicyDocument.FirstLine"/>, so that places
    /// keep naming the original file.
    /// </summary>
    /// <param name="isKept">It was in force before: what an older version accepted is accepted.</param>
    public static PolicyReadResult Read(string fileName, string text, int firstLine = 1, bool isKept = false)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        ArgumentNullException.ThrowIfNull(text);
        var context = new ReadContext(fileName, firstLine, isKept);
        var documents = new FileReader(context).Read(text);
        var problems = context.Problems.OrderBy(problem => problem.Location?.Line).ThenBy(problem => problem.Location?.Column);
        return new PolicyReadResult(context.HasErrors ? [] : documents, [.. problems]);
    }

    /// <summary>
    /// Reads files that are applied together: as <see cref="Read"/> each, and what is wrong between them. With an
    /// error in any of them there are no documents.
    /// </summary>
    public static PolicyReadResult ReadAll(IReadOnlyList<(string Name, string Text)> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        List<Problem> problems = [];
        List<PolicyDocument> documents = [];
        foreach (var (name, text) in files)
        {
            var result = Read(name, text);
            problems.AddRange(result.Problems);
            documents.AddRange(result.Documents);
        }

        foreach (var same in documents.GroupBy(document => document.Key).Where(same => same.Count() > 1))
        {
            var (first, last) = (same.First(), same.Last());
            problems.Add(new Problem(
                new SourceLocation(last.SourceFile, last.FirstLine, 1),
                $"{last.Kind} \"{last.Name}\" is also in {first.SourceFile}:{first.FirstLine}; give one of them another name",
                Severity.Error));
        }

        if (documents.Count == 0 && !problems.Any(problem => problem.IsError))
        {
            problems.Add(new Problem(null, "there is no policy in what was given", Severity.Error));
        }

        return new PolicyReadResult(problems.Any(problem => problem.IsError) ? [] : documents, problems);
    }
}
