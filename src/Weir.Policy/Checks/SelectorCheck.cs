// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Reading;

namespace Weir.Policy.Checks;

/// <summary>Finds why a selector can match nobody.</summary>
/// <param name="ownNamespace">The namespace of the policy itself, of which is spoken once for all of its selectors.</param>
internal sealed class SelectorCheck(string? ownNamespace, HostFacts facts)
{
    public const string NamespaceLabel = PolicyScope.NamespaceLabel;

    // Sources of labels that Cilium's files name beside those that exist here.
    private static readonly string[] _foreignSources = ["unspec", "fqdn", "cni", "ciliumid", "ingress", "directory", "docker", "mesos", "aws", "gke", "policy", "clustermesh"];
    private static readonly string[] _kubernetesKeys = [NamespaceLabel, "io.cilium.k8s."];
    private static readonly Identity[] _present = [Identity.Host, Identity.World, Identity.WorldIpv4, Identity.WorldIpv6, Identity.Init];

    /// <summary>Whether a container says of itself that it is in the namespace; false also where that is not known.</summary>
    public static bool SomebodyIsIn(string name, HostFacts facts) =>
        facts.Endpoints?.Any(endpoint => endpoint.Labels.Any(label => label.Key == NamespaceLabel && label.Value == name)) == true;

    /// <summary>Whether a reserved identity is somebody's on a Docker host.</summary>
    public static bool IsPresent(Identity identity) => Array.IndexOf(_present, identity) >= 0;

    /// <summary>Why it can match nobody; null: it can.</summary>
    /// <param name="isSubject">It selects those whom a rule is about: only containers are under policy.</param>
    public string? FaultOf(EndpointSelector selector, bool isSubject)
    {
        foreach (var requirement in selector.Requirements.Where(requirement => requirement.Operator is SelectorOperator.In or SelectorOperator.Exists))
        {
            var fault = requirement.Source switch
            {
                LabelSources.Reserved => ReservedFault(requirement, isSubject),
                LabelSources.Cidr when isSubject || selector.Scope == SelectorScope.ManagedEndpoints => "labels of source cidr are those of addresses outside, which this selector does not look at: write a CIDR",
                LabelSources.Node => "labels of nodes are nobody's here",
                _ => KeyFault(requirement),
            };
            if (fault is not null)
            {
                return fault;
            }
        }

        return Contradiction(selector.Requirements);
    }

    /// <summary>Whether a container is selected now; null: not known.</summary>
    public bool? SelectsNow(EndpointSelector selector) => facts.Endpoints?.Any(selector.Matches);

    private static string? ReservedFault(SelectorRequirement requirement, bool isSubject)
    {
        if (isSubject && requirement.Key != "init")
        {
            return $"reserved:{requirement.Key} is no container, and only containers are under policy";
        }

        return Identity.TryParseReserved(requirement.Key, out var identity) && IsPresent(identity)
            ? null
            : $"nobody is reserved:{requirement.Key} here";
    }

    private static string? Contradiction(IReadOnlyList<SelectorRequirement> requirements)
    {
        foreach (var group in requirements.GroupBy(requirement => (requirement.Source, requirement.Key)).Where(group => group.Count() > 1))
        {
            var values = group.Where(requirement => requirement.Operator == SelectorOperator.In).Select(requirement => requirement.Values.Distinct()).ToArray();
            var common = values.Length == 0 ? null : values.Aggregate((left, right) => left.Intersect(right)).Except(
                group.Where(requirement => requirement.Operator == SelectorOperator.NotIn).SelectMany(requirement => requirement.Values)).ToArray();
            var absent = group.Any(requirement => requirement.Operator == SelectorOperator.DoesNotExist);
            if (common is { Length: 0 } || (absent && group.Any(requirement => requirement.Operator is SelectorOperator.In or SelectorOperator.Exists)))
            {
                return $"its conditions on {group.Key.Key} exclude one another";
            }
        }

        return null;
    }

    private string? KeyFault(SelectorRequirement requirement)
    {
        var key = requirement.Key;
        if (!facts.TakesLabel(key))
        {
            return $"label {key} is kept out of identities (labels-include and labels-exclude of the agent's settings)";
        }

        if (facts.Endpoints?.Any(endpoint => requirement.Matches(endpoint.Labels)) == true)
        {
            return null;
        }

        var colon = key.IndexOf(':', StringComparison.Ordinal);
        // Sources that there are have been split off, but for a NetworkPolicy, where a key has none.
        if (colon > 0 && (_foreignSources.Contains(key[..colon]) || LabelSources.All.Contains(key[..colon])))
        {
            return $"\"{key[..colon]}:\" names no source of labels here, so that \"{key}\" is taken for the key as a whole; leave the source out";
        }

        var isOwnNamespace = key == NamespaceLabel && ownNamespace is not null && requirement.Values is [var only] && only == ownNamespace;
        return !isOwnNamespace && _kubernetesKeys.Any(kubernetes => key == kubernetes || (kubernetes.EndsWith('.') && key.StartsWith(kubernetes, StringComparison.Ordinal)))
            ? $"only Kubernetes gives the label {key}, and no container here is known to have it"
            : null;
    }
}
