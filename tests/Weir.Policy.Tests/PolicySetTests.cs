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
        var set = PolicySet.Empty.With([Read("web", Web)]).Without("web", "unknown").With([Read("web", Web)]);
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

    private static PolicyDocument Read(string name, string text) => Assert.Single(Policies.Read(text, name + ".json").Documents);
}
