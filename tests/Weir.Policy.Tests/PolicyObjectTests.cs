// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Policy.Tests;

/// <summary>Files as Kubernetes' users have them: lists of objects, objects that are no policies, values left out.</summary>
public sealed class PolicyObjectTests
{
    internal const string List =
        """
        apiVersion: v1
        items:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata:
            name: default-deny
          spec:
            podSelector:
            policyTypes: [Ingress, Egress]
            egress:
        # of another kind
        - apiVersion: v1
          kind: Service
          metadata: {name: web}
        - apiVersion: cilium.io/v2
          kind: CiliumNetworkPolicy
          metadata: {name: default-deny}
          spec:
            endpointSelector: {matchLabels: }
            ingress: [{}]
        kind: List
        metadata:
          resourceVersion: ""
        """;

    internal const string JsonList =
        """
        {"kind": "NetworkPolicyList", "apiVersion": "networking.k8s.io/v1", "items": [
          {"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": {"name": "a"},
           "spec": {"podSelector": {"matchLabels": null}, "policyTypes": null}}, {"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": {"name": "b"}, "spec": {"podSelector": null}}]}
        """;

    [Fact]
    public void List_IsItsObjects_AndWhatIsNoPolicyIsPassedOver()
    {
        var result = Policies.Read(List);
        Assert.Equal(["NetworkPolicy/default-deny", "CiliumNetworkPolicy/default-deny"], result.Documents.Select(document => document.Key.ToString()));
        Assert.Equal("test.yaml:13:9: notice: kind Service is no policy; passed over", Assert.Single(result.Problems).ToString());
        Assert.Equal([3, 15], result.Documents.Select(document => document.Rules[0].Location.Line));
        Assert.Equal((true, true), (result.Documents[0].Rules[0].DefaultDenyIngress, result.Documents[0].Rules[0].DefaultDenyEgress));
    }

    [Theory]
    [InlineData(List, 2)]
    [InlineData(JsonList, 2)]
    [InlineData("\r\n# x\r\n---\r\n" + List + "\r\n---\r\n" + JsonList, 4)]
    public void ObjectsOfAList_ReadAgainAlone_AreTheSame(string text, int documents)
    {
        var result = Policies.Read(text.ReplaceLineEndings("\r\n"));
        Assert.DoesNotContain(result.Problems, problem => problem.IsError);
        Assert.Equal(documents, result.Documents.Count);
        foreach (var document in result.Documents)
        {
            var alone = PolicyReader.Read(document.SourceFile, document.Text, document.FirstLine);
            Assert.DoesNotContain(alone.Problems, problem => problem.IsError);
            var again = Assert.Single(alone.Documents);
            Assert.Equal(document.Key, again.Key);
            Assert.Equal(document.FirstLine, again.FirstLine);
            Assert.Equal(document.Text, again.Text);
            Assert.Equal(document.Rules.Select(rule => rule.Location), again.Rules.Select(rule => rule.Location));
        }
    }

    [Fact]
    public void MergeKeys_TakeWhatTheMappingHasNot()
    {
        var result = Policies.Read(
            """
            - &web
              endpointSelector: {matchLabels: {role: web}}
              description: first
              ingress: [{}]
            - <<: [*web, {labels: [a]}]
              description: second
            - endpointSelector: {matchLabels: {"<<": text}}
              ingress: [{}]
            """);
        Assert.Empty(result.Problems);
        var rules = result.Documents[0].Rules;
        Assert.Equal(["first", "second", ""], rules.Select(rule => rule.Description));
        Assert.Equal("role=web", rules[1].Subject.ToString());
        Assert.Equal("any:a", rules[1].Labels.ToString());
        Assert.Equal("<<=text", rules[2].Subject.ToString());
        Assert.Contains("to merge", Assert.Single(Policies.Read("- <<: text\n  endpointSelector: {}\n  ingress: [{}]\n").Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DescriptionBesideKind_IsWarnedOf()
    {
        var result = Policies.Read("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\ndescription: x\nmetadata: {name: a}\nspec: {endpointSelector: {}, ingress: [{}]}\n");
        Assert.True(Assert.Single(result.Problems).IsWarning);
        Assert.Single(result.Documents);
    }

    [Fact]
    public void SectionWithoutItsType_IsWarnedOf()
    {
        var result = Policies.Read("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, policyTypes: [Egress], ingress: [{}]}\n");
        Assert.Contains("ingress has no effect", Assert.Single(result.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PortZeroThatIsInForce_StaysSo()
    {
        const string Text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, ingress: [{ports: [{port: 0}]}]}\n";
        Assert.True(Policies.Read(Text).HasErrors);
        Assert.Single(PolicyReader.Read("a.yaml", Text, isKept: true).Documents);
    }

    [Fact]
    public void FilesTogether_NeedAPolicy_AndNoTwoOfOneKindAndName()
    {
        const string Deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n";
        string Object(string kind, string version) => $"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: deny}}\nspec: {{{(kind == "NetworkPolicy" ? "podSelector" : "endpointSelector")}: {{}}, ingress: [{{}}]}}\n";
        var (kubernetes, cilium) = (Object("NetworkPolicy", "networking.k8s.io/v1"), Object("CiliumNetworkPolicy", "cilium.io/v2"));
        Assert.Equal(2, PolicyReader.ReadAll([("a", Deployment), ("b", kubernetes), ("c", cilium)]).Documents.Count);
        Assert.Contains("also in b:1", Assert.Single(PolicyReader.ReadAll([("b", cilium), ("c", kubernetes), ("d", cilium)]).Problems).Message, StringComparison.Ordinal);
        Assert.True(PolicyReader.ReadAll([("a", Deployment)]).HasErrors);
    }
}
