// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Policy.Tests;

public sealed class PolicySetTests
{
    private const string Web = "[{\"endpointSelector\": {}, \"ingress\": [{}]}, {\"endpointSelector\": {}, \"egress\": [{}]}]";
    private const string Api = "[{\"endpointSelector\": {}, \"egress\": [{}]}]";

    [Fact]
    public void With_UnchangedDocument_KeepsNumbers_ChangedGetsNewOnes()
    {
        var first = PolicySet.Empty.With([Read("web", Web), Read("api", Api)]);
        Assert.Equal([1u, 2u, 3u], first.Rules.Select(rule => rule.Id));
        var second = first.With([Read("web", Api), Read("api", Api)]);
        Assert.Equal("api", second.FindRule(3)!.Name);
        Assert.Equal("web", second.FindRule(4)!.Name);
        Assert.Null(second.FindRule(1));
        Assert.Equal(5u, second.NextRuleId);
    }

    [Fact]
    public void Without_RemovesByName_NumbersAreNotUsedAgain()
    {
        var set = PolicySet.Empty.With([Read("web", Web)]).Without(new DocumentKey("CiliumRules", "web"), new DocumentKey("CiliumRules", "unknown")).With([Read("web", Web)]);
        Assert.Equal([3u, 4u], set.Rules.Select(rule => rule.Id));
        Assert.Empty(PolicySet.Empty.Documents);
    }

    [Fact]
    public void Restore_GivesTheSameNumbers()
    {
        var set = PolicySet.Empty.With([Read("web", Web)]).With([Read("api", Api), Read("web", Api)]);
        var kept = set.Documents.Select(document => (Read(document.Name, document.Text), document.Rules[0].Id));
        var restored = PolicySet.Restore(kept, set.NextRuleId);
        Assert.Equal(set.Rules.Select(rule => (rule.Id, rule.Name)), restored.Rules.Select(rule => (rule.Id, rule.Name)));
        Assert.Equal(set.NextRuleId, restored.NextRuleId);
    }

    [Fact]
    public void OneNameOfTwoKinds_IsTwoPolicies_AndRulesSayWhich()
    {
        PolicyDocument Object(string kind, string version, string subject, string name = "deny") =>
            Assert.Single(Policies.Read($"apiVersion: {version}\nkind: {kind}\nmetadata: {{{name}}}\nspec: {{{subject}: {{}}, ingress: [{{}}]}}\n").Documents);
        var kubernetes = Object("NetworkPolicy", "networking.k8s.io/v1", "podSelector", "name: deny");
        var cilium = Object("CiliumNetworkPolicy", "cilium.io/v2", "endpointSelector", "name: deny");
        var clusterwide = Object("CiliumClusterwideNetworkPolicy", "cilium.io/v2", "endpointSelector", "name: other");
        var inShop = Object("NetworkPolicy", "networking.k8s.io/v1", "podSelector", "name: deny, namespace: shop");

        var set = PolicySet.Empty.With([kubernetes]).With([cilium, clusterwide, inShop]);
        Assert.Equal(4, set.Documents.Count);
        Assert.Equal(["NetworkPolicy/deny", "CiliumNetworkPolicy/deny", "other", "shop/deny"], set.Rules.Select(rule => rule.Name));
        Assert.Equal(["CiliumNetworkPolicy/deny", "NetworkPolicy/deny"], Found(set, "deny"));
        Assert.Equal(["NetworkPolicy/deny"], Found(set, "networkpolicy/deny"));
        Assert.Equal(["NetworkPolicy/shop/deny"], Found(set, "shop/deny"));
        Assert.Equal(["NetworkPolicy/shop/deny"], Found(set, "NetworkPolicy/shop/deny"));
        Assert.Empty(Found(set, "Deny"));
        Assert.Equal(("NetworkPolicy/deny", "other"), (set.DisplayName(kubernetes.Key), set.DisplayName(clusterwide.Key)));

        var less = set.Without(cilium.Key);
        Assert.Equal(["deny", "other", "shop/deny"], less.Rules.Select(rule => rule.Name));
        Assert.Equal(1u, less.Rules[0].Id);
        var restored = PolicySet.Restore(set.Documents.Select(document =>
            (Assert.Single(PolicyReader.Read(document.SourceFile, document.Text, document.FirstLine).Documents), document.Rules[0].Id)), set.NextRuleId);
        Assert.Equal(set.Rules.Select(rule => (rule.Id, rule.Name)), restored.Rules.Select(rule => (rule.Id, rule.Name)));
    }

    private static string[] Found(PolicySet set, string text) => [.. set.FindDocuments(text).Select(document => document.Key.ToString())];

    private static PolicyDocument Read(string name, string text) => Assert.Single(Policies.Read(text, name + ".json").Documents);
}
