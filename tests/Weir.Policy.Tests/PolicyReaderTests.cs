// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class PolicyReaderTests
{
    private const string TwoDocuments =
        """
        # the shop
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata:
          name: web-to-api
        spec:
          description: web may call api
          endpointSelector: {matchLabels: {role: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {role: web}}]
              toPorts: [{ports: [{port: "80", protocol: TCP}]}]
        ---
        apiVersion: cilium.io/v2
        kind: CiliumClusterwideNetworkPolicy
        metadata: {name: two, labels: {x: y}, annotations: {z: "1"}}
        specs:
          - endpointSelector: {}
            ingress: [{}]
          - endpointSelector: {}
            egressDeny: [{toCIDR: [169.254.169.254]}]
        """;

    [Fact]
    public void YamlDocuments_HaveNamesPlacesAndText()
    {
        var result = Policies.Read(TwoDocuments, "dir/policy.yaml");
        Assert.Empty(result.Problems);
        Assert.Equal(["web-to-api", "two"], result.Documents.Select(document => document.Name));
        Assert.Equal(["web-to-api", "two[0]", "two[1]"], result.Documents.SelectMany(document => document.Rules).Select(rule => rule.Name));
        Assert.Equal("web may call api", result.Documents[0].Rules[0].Description);
        Assert.Equal(new SourceLocation("dir/policy.yaml", 2, 1), result.Documents[0].Rules[0].Location);
        Assert.Equal(new SourceLocation("dir/policy.yaml", 10, 7), result.Documents[0].Rules[0].Entries[0].Location);
        Assert.Equal(19, result.Documents[1].Rules[1].Location.Line);
    }

    [Fact]
    public void DocumentText_ReadAgain_GivesTheSamePlaces() => ReadAgain(Policies.Read(TwoDocuments));

    [Theory]
    [InlineData("%YAML 1.2\n---\n", "\n...\n%YAML 1.2\n--- # two\n")]
    [InlineData("---\n", "\n...\n---\n\n")]
    [InlineData("---\n# nothing\n---\n", "\n---\n---\n")]
    [InlineData("", "\n--- \n\n\n")]
    public void DocumentText_WithMarkers_ReadAgain_GivesTheSamePlaces(string before, string between)
    {
        var result = Policies.Read(before + TwoDocuments.Replace("\n---\n", between, StringComparison.Ordinal));
        Assert.Empty(result.Problems);
        Assert.Equal(2, result.Documents.Count);
        ReadAgain(result);
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\n")]
    public void LineEnds_DoNotMatter(string end)
    {
        var result = Policies.Read("\uFEFF" + TwoDocuments.ReplaceLineEndings(end));
        Assert.Empty(result.Problems);
        Assert.Equal(19, result.Documents[1].Rules[1].Location.Line);
        Assert.StartsWith("---", result.Documents[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void JsonRules_KeysInAnyCase_LabelsAsTextAndObject()
    {
        var result = Policies.Read(
            """
            [{
            	"EndpointSelector": {"matchLabels": {"id": "app1"}},
            	"labels": ["k8s:name=a", {"key": "b", "value": "c", "source": "container"}, {"key": "d"}],
            	"Ingress": [{"FROMENDPOINTS": [{"MatchLabels": {"id": "app\/2\u00e9"}}], "toports": [{"PORTS": [{"Port": "80", "PROTOCOL": "tcp"}]}]}]
            }, {"endpointSelector": {}, "egress": [{}]}]
            """, "/etc/weir/l3_l4.json");
        Assert.Empty(result.Problems);
        var document = Assert.Single(result.Documents);
        Assert.Equal("l3_l4", document.Name);
        Assert.Equal(["l3_l4[0]", "l3_l4[1]"], document.Rules.Select(rule => rule.Name));
        Assert.Equal("any:d, container:b=c, k8s:name=a", document.Rules[0].Labels.ToString());
        var entry = Assert.Single(document.Rules[0].Entries);
        Assert.Equal("id=app/2é", Assert.Single(entry.Peers!).ToString());
        Assert.Equal("80/tcp", Assert.Single(entry.Ports!).ToString());
    }

    [Fact]
    public void Anchors_AreReadWhereTheyAreSmall()
    {
        var result = Policies.Read(
            """
            - endpointSelector: {}
              ingress: [{fromEndpoints: &web [{matchLabels: {role: web}}]}]
              egress: [{toEndpoints: *web}]
            """);
        Assert.Empty(result.Problems);
        Assert.Equal(2, result.Documents[0].Rules[0].Entries.Count);
    }

    [Fact]
    public void AliasBomb_IsRefused()
    {
        var text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 30; i++)
        {
            text.Append($"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]\n");
        }

        Assert.Contains("more than", Assert.Single(Policies.Read(text.ToString()).Problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a: &a [*a]")]
    [InlineData("a: &a {b: *a}")]
    public void ValueInsideItself_IsRefused(string text) =>
        Assert.Contains("no anchor before it", Assert.Single(Policies.Read(text).Problems).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("[")]
    [InlineData("{\"a\":")]
    [InlineData("- ")]
    [InlineData("? ")]
    public void DeepNesting_IsRefused(string opening) =>
        Assert.True(Policies.Read(string.Concat(Enumerable.Repeat(opening, 100_000))).HasErrors);

    [Fact]
    public void Garbage_IsRefusedWithoutException()
    {
        const string Bad = "\0\t{}[]:,&*!|>%@`'\"#-? \n\uD800\u0085x";
        var random = new Random(1);
        for (var cut = 0; cut < TwoDocuments.Length; cut++)
        {
            _ = Policies.Read(TwoDocuments[..cut]);
            var mutated = TwoDocuments.ToCharArray();
            for (var i = 0; i < 4; i++)
            {
                mutated[random.Next(mutated.Length)] = Bad[random.Next(Bad.Length)];
            }

            var result = Policies.Read(new string(mutated));
            Assert.True(!result.HasErrors || result.Documents.Count == 0);
            ReadAgain(result);
        }
    }

    [Fact]
    public void ManyProblems_AreCutOff()
    {
        var result = Policies.Read("- endpointSelector: {}\n  ingress: [{}]\n" + string.Concat(Enumerable.Range(0, 5000).Select(i => $"  x{i}: 1\n")));
        Assert.Equal(201, result.Problems.Count);
    }

    [Fact]
    public void Namespace_IsInTheName()
    {
        var result = Policies.Read("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: b}\nspec: {podSelector: {}}\n");
        Assert.Empty(result.Problems);
        Assert.Equal(("b/a", "b"), (Assert.Single(result.Documents).Name, result.Documents[0].Namespace));
    }

    [Theory]
    [InlineData("k8s:=b")]
    [InlineData(":")]
    [InlineData("=b")]
    [InlineData("container:")]
    [InlineData("")]
    public void RulesLabelWithoutKey_IsAProblem(string label) =>
        Assert.Contains("expected a label", Assert.Single(Policies.Read($"[{{\"endpointSelector\": {{}}, \"ingress\": [{{}}], \"labels\": [\"{label}\"]}}]").Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void StandardInput_HasAName() =>
        Assert.Equal("stdin", Assert.Single(Policies.Read("[{\"endpointSelector\": {}, \"ingress\": [{}]}]", "-").Documents).Name);

    private static void ReadAgain(PolicyReadResult result)
    {
        foreach (var document in result.Documents)
        {
            var again = PolicyReader.Read(document.SourceFile, document.Text, document.FirstLine);
            Assert.False(again.HasErrors, string.Join("\n", again.Problems));
            var same = Assert.Single(again.Documents);
            Assert.Equal(document.Name, same.Name);
            Assert.Equal(document.Text, same.Text);
            Assert.Equal(document.FirstLine, same.FirstLine);
            Assert.Equal(document.Rules.Select(rule => rule.Location), same.Rules.Select(rule => rule.Location));
        }
    }
}
