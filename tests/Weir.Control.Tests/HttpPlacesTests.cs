// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Policies;
using Weir.Http.Rules;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests;

public sealed class HttpPlacesTests
{
    private const string File = """
        - endpointSelector: {}
          ingress: [{}]
        - endpointSelector: {}
          ingress: [{}]
        """;

    [Fact]
    public void Rules_AreNamedWithFileAndLine_ThoseThatSayMostFirst()
    {
        var engine = new PolicyEngine(PolicySet.Empty.With(PolicyReader.Read("/etc/shop.yaml", File).Documents), EnforcementMode.Default);
        uint[] ids = [.. engine.Set.Rules.Select(rule => rule.Id)];
        var policy = new HttpPolicy([Allow(ids[0], 0), .. Enumerable.Range(1, 5).Select(i => Allow(ids[1], i))]);
        Assert.Equal(
            "rule shop[1] at /etc/shop.yaml:3 (5 of the http rules), rule shop[0] at /etc/shop.yaml:1 (1 of the http rules): ",
            HttpPlaces.Of(engine, policy));
        Assert.Equal("", HttpPlaces.Of(engine, new HttpPolicy([Allow(12345, 0)])));
    }

    private static HttpAllowance Allow(uint rule, int path) => new(rule, new HttpRule("GET", $"/{path}", null, []));
}
