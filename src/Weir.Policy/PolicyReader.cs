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
    public static PolicyReadResult Read(string fileName, string text, int firstLine = 1)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        ArgumentNullException.ThrowIfNull(text);
        var context = new ReadContext(fileName, firstLine);
        var documents = new FileReader(context).Read(text);
        var problems = context.Problems.OrderBy(problem => problem.Location?.Line).ThenBy(problem => problem.Location?.Column);
        return new PolicyReadResult(context.HasErrors ? [] : documents, [.. problems]);
    }
}
