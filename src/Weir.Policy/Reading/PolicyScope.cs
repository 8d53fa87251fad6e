// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Where a rule's selectors look: everywhere, at managed endpoints, or at those of one namespace.</summary>
internal sealed record PolicyScope(SelectorScope Scope, string? Namespace)
{
    /// <summary>The label that tells an endpoint's namespace; Docker containers can carry it too.</summary>
    public const string NamespaceLabel = "io.kubernetes.pod.namespace";

    public static PolicyScope Everything { get; } = new(SelectorScope.Everything, null);

    public EndpointSelector Selector(List<SelectorRequirement> requirements)
    {
        // Who names a reserved label or a namespace means exactly that.
        if (requirements.Any(requirement => requirement is
            { Source: LabelSources.Reserved, Operator: SelectorOperator.In or SelectorOperator.Exists }))
        {
            return new EndpointSelector(SelectorScope.Everything, requirements);
        }

        if (Namespace is null || requirements.Any(requirement => requirement.Key == NamespaceLabel))
        {
            return new EndpointSelector(Scope, requirements);
        }

        var inNamespace = new SelectorRequirement(LabelSources.Any, NamespaceLabel, SelectorOperator.In, [Namespace]);
        return new EndpointSelector(Scope, [inNamespace, .. requirements]);
    }
}
