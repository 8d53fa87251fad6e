// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Checks;

namespace Weir.Policy;

/// <summary>
/// Finds what is right by the language's grammar and does nothing here: policies, rules, peers and ports that can
/// match nobody (warnings), or nobody now (notices). Whoever wrote them believes in a protection, or an opening,
/// that is not there.
/// </summary>
public static class PolicyCheck
{
    /// <summary>Everything there is to say of a document, by place.</summary>
    public static IReadOnlyList<Problem> Find(PolicyDocument document, HostFacts facts)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(facts);
        var check = new RuleCheck(new SelectorCheck(document.Namespace, facts), facts);
        return
        [
            .. NamespaceOf(document, facts),
            .. document.Rules.SelectMany(check.Find).Distinct().OrderBy(problem => problem.Location?.Line),
        ];
    }

    /// <summary>Whether somebody on a Docker host can have a reserved identity: nobody is a Kubernetes API server there.</summary>
    public static bool IsSomebody(Identity identity) => !identity.IsReserved || SelectorCheck.IsPresent(identity);

    /// <summary>Whether the document's namespace is one that no container is in.</summary>
    private static IEnumerable<Problem> NamespaceOf(PolicyDocument document, HostFacts facts)
    {
        if (document.Namespace is { } name && !SelectorCheck.SomebodyIsIn(name, facts))
        {
            yield return new Problem(
                document.Rules.Count > 0 ? document.Rules[0].Location : new SourceLocation(document.SourceFile, document.FirstLine, 1),
                $"the policy is about namespace {name}, and matches nobody here: Docker knows no namespaces, and no container is known to have the label {SelectorCheck.NamespaceLabel}={name}. Leave metadata.namespace out to mean every container",
                Severity.Warning);
        }
    }
}
