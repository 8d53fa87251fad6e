// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Policy.Tests;

public sealed class DenyResponseTests
{
    [Theory]
    [InlineData("app=quiet", DenyResponse.Drop)]
    [InlineData("app=told", DenyResponse.Answer)]
    [InlineData("app=quiet,also=told", DenyResponse.Drop)]
    [InlineData("app=other", null)]
    public void DenyResponseOf_IsSilence_WhereARuleThatSelectsItAsksForIt(string labels, DenyResponse? expected)
    {
        var engine = Policies.Engine(
            """
            [
              {"endpointSelector": {"matchLabels": {"app": "quiet"}}, "ingress": [{}], "denyResponse": "drop"},
              {"endpointSelector": {"matchLabels": {"app": "told"}}, "ingress": [{}], "denyResponse": "answer"},
              {"endpointSelector": {"matchLabels": {"also": "told"}}, "egress": [{}], "denyResponse": "answer"},
              {"endpointSelector": {}, "ingress": [{}]}
            ]
            """);
        Assert.Equal(expected, engine.DenyResponseOf(Peers.Container(labels.Split(','))));
    }

    [Theory]
    [InlineData("\"silence\"")]
    [InlineData("true")]
    [InlineData("[\"drop\"]")]
    [InlineData("\"\"")]
    public void DenyResponse_OfAnotherValue_IsAnErrorWithItsPlace(string value)
    {
        var result = Policies.Read($$"""[{"endpointSelector": {}, "ingress": [{}], "denyResponse": {{value}}}]""");
        var problem = Assert.Single(result.Problems);
        Assert.False(problem.IsWarning);
        Assert.StartsWith("test.yaml:1:60: error: expected answer or drop for denyResponse; found ", problem.ToString(), StringComparison.Ordinal);
    }
}
