// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Policies;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests;

public sealed class SmallPartsTests
{
    [Fact]
    public void LabelFilter_Default_TakesLabelsButTheNoisyOnes()
    {
        LabelSet labels = LabelFilter.Default.Select(new Dictionary<string, string>
        {
            ["role"] = "web",
            ["com.docker.compose.service"] = "api",
            ["com.docker.compose.config-hash"] = "0123",
            ["org.opencontainers.image.version"] = "1",
        });
        Assert.Equal(["container:com.docker.compose.service=api", "container:role=web"], labels.Select(label => label.ToString()));
    }

    [Fact]
    public void LabelFilter_ExcludeWins_AndStarStandsForTheRest()
    {
        var filter = new LabelFilter(["app*"], ["app-secret*"]);
        LabelSet labels = filter.Select(new Dictionary<string, string> { ["app"] = "1", ["app-name"] = "2", ["app-secret-key"] = "3", ["role"] = "4" });
        Assert.Equal(["app", "app-name"], labels.Select(label => label.Key));
    }

    [Fact]
    public void LabelFilter_IsNotFlooded()
    {
        Dictionary<string, string> many = Enumerable.Range(0, 10_000).ToDictionary(i => $"k{i}", _ => "v");
        many["huge"] = new string('x', 100_000);
        LabelSet labels = LabelFilter.Default.Select(many);
        Assert.InRange(labels.Count, 1, 256);
        Assert.DoesNotContain(labels, label => label.Key == "huge");
    }
}
