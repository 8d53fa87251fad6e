// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Fields of the language that Weir refuses, with what one can write instead.</summary>
internal static class NotEnforced
{
    private static readonly Dictionary<string, string> _instead = new(StringComparer.OrdinalIgnoreCase)
    {
        ["toFQDNs"] = "Weir follows no DNS names: allow addresses under toCIDRSet",
        ["dns"] = "Weir looks at no DNS requests: leave rules out to allow all of them",
        ["kafka"] = "Weir looks at HTTP requests only",
        ["l7"] = "Weir looks at HTTP requests only",
        ["l7proto"] = "Weir looks at HTTP requests only",
        ["toServices"] = "Weir judges by backends: write toEndpoints with their labels",
        ["nodeSelector"] = "the host itself is not under policy: endpointSelector selects containers",
        ["fromNodes"] = "write fromEntities: [host] for this host, fromCIDR for others",
        ["toNodes"] = "write toEntities: [host] for this host, toCIDR for others",
        ["fromRequires"] = "write the labels into each fromEndpoints",
        ["toRequires"] = "write the labels into each toEndpoints",
        ["fromGroups"] = "write the addresses under fromCIDRSet",
        ["toGroups"] = "write the addresses under toCIDRSet",
        ["authentication"] = "Weir authenticates no peers beyond their labels",
        ["cidrGroupRef"] = "write the group's prefixes under cidr",
        ["cidrGroupSelector"] = "write the groups' prefixes under cidr",
        ["terminatingTLS"] = "Weir ends no TLS",
        ["originatingTLS"] = "Weir begins no TLS",
        ["serverNames"] = "Weir looks at no TLS server names",
        ["listener"] = "there is no Envoy",
        ["secret"] = "write the value itself",
        ["log"] = "every verdict names its rule by itself",
    };

    /// <summary>The refusal of a field.</summary>
    public static string Describe(string field, string @object) =>
        $"field \"{field}\" in {@object} is not enforced by Weir yet; the file is refused, so that nobody relies on it"
        + (_instead.TryGetValue(field, out var instead) ? $" ({instead})" : "");
}
