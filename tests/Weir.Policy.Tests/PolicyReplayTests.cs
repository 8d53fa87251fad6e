// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Replay;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class PolicyReplayTests
{
    private const string Policy =
        """
        - endpointSelector: {matchLabels: {role: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {role: web}}]
              toPorts: [{ports: [{port: "80", protocol: TCP}]}]
            - fromEndpoints: [{matchLabels: {role: shop}}]
              toPorts:
                - ports: [{port: "80", protocol: TCP}]
                  rules:
                    http:
                      - {method: GET, path: "/orders/[^/?]+"}
                      - {method: GET, path: "/users/[0-9]+"}
                      - {method: GET, path: "/list([?].*)?"}
                      - {method: PUT, path: "/x", headers: ["X-Token: s"]}
            - fromCIDR: [203.0.113.0/25]
        - endpointSelector: {matchLabels: {role: web}}
          egress:
            - toCIDR: [198.51.100.0/24]
            - toEndpoints: [{matchLabels: {role: api}}]
        """;

    private static readonly SeenEnd _web = Here("web", "role=web");
    private static readonly SeenEnd _api = Here("api", "role=api");
    private static readonly SeenEnd _shop = Here("shop", "role=shop");
    private static readonly SeenEnd _cron = Here("cron", "role=cron");

    [Fact]
    public void Connections_AreJudgedAtBothEnds_WithTheLabelsOfThen()
    {
        Assert.Equal(ReplayVerdict.Passes, Judge(new SeenFlow(_web, _api, IpProtocol.Tcp, 80, null, SeenOutcome.Passed)));
        Assert.Equal(ReplayVerdict.Refused, Judge(new SeenFlow(_cron, _api, IpProtocol.Tcp, 80, null, SeenOutcome.Passed)));
        Assert.Equal(ReplayVerdict.Refused, Judge(new SeenFlow(_web, Outside("192.0.2.1"), IpProtocol.Tcp, 443, null, SeenOutcome.Passed)));
        Assert.Equal(ReplayVerdict.Passes, Judge(new SeenFlow(_web, Outside("198.51.100.7"), IpProtocol.Tcp, 443, null, SeenOutcome.Passed)));

        // Of another host's container, that host judges.
        Assert.Equal(ReplayVerdict.Passes, Judge(new SeenFlow(_cron, _api with { IsHere = false }, IpProtocol.Tcp, 80, null, SeenOutcome.Passed)));
        Assert.Equal(ReplayVerdict.Unknown, Judge(new SeenFlow(_cron with { Peer = null }, _api, IpProtocol.Tcp, 80, null, SeenOutcome.Passed)));
        var answer = new PolicyReplay(Policies.Engine(Policy)).Explain(new SeenFlow(_cron, _api, IpProtocol.Tcp, 80, null, SeenOutcome.Passed));
        Assert.StartsWith("ingress: denied, no rule allows it; nearest is test", answer.Why, StringComparison.Ordinal);
        Assert.NotNull(answer.End!.Nearest);
    }

    [Theory]
    [InlineData("192.0.2.0/24", ReplayVerdict.Refused)]
    [InlineData("203.0.113.0/26", ReplayVerdict.Passes)]
    [InlineData("203.0.113.0/24", ReplayVerdict.Unknown)]
    [InlineData("", ReplayVerdict.Unknown)]
    public void OfARange_TheWholeMustBeJudgedAlike(string range, ReplayVerdict expected) =>
        Assert.Equal(expected, Judge(new SeenFlow(Outside(range), _api, IpProtocol.Tcp, 80, null, SeenOutcome.Passed)));

    [Theory]
    [InlineData("GET", "/orders/*", ReplayVerdict.Passes)]
    [InlineData("GET", "/orders/*?*", ReplayVerdict.Refused)]
    [InlineData("GET", "/orders/abc", ReplayVerdict.Passes)]
    [InlineData("POST", "/orders/*", ReplayVerdict.Refused)]
    [InlineData("GET", "/users/*", ReplayVerdict.Unknown)]
    [InlineData("GET", "/list?*", ReplayVerdict.Passes)]
    [InlineData("GET", "/list", ReplayVerdict.Passes)]
    [InlineData("GET", "/nothing/*/else", ReplayVerdict.Refused)]
    [InlineData("GET", "/ord…", ReplayVerdict.Unknown)]
    [InlineData("GET", "…", ReplayVerdict.Unknown)]
    [InlineData("DELETE", "…", ReplayVerdict.Refused)]
    [InlineData("PUT", "/x", ReplayVerdict.Unknown)]
    [InlineData("OPTIONS", "*", ReplayVerdict.Refused)]
    public void OfARequest_AllThatItCanHaveBeenMustBeJudgedAlike(string method, string path, ReplayVerdict expected) =>
        Assert.Equal(expected, Judge(new SeenFlow(_shop, _api, IpProtocol.Tcp, 80, new SeenRequest(method, path, "api"), SeenOutcome.Passed)));

    [Fact]
    public void WhereRequestsWereNotSeen_TheirVerdictIsNotGuessed()
    {
        var flow = new SeenFlow(_shop, _api, IpProtocol.Tcp, 80, null, SeenOutcome.Passed);
        Assert.Equal(ReplayVerdict.Unknown, Judge(flow));
        Assert.Equal(ReplayVerdict.Passes, Judge(flow with { HasRequests = true }));
        Assert.Equal(ReplayVerdict.Passes, Judge(flow with { Outcome = SeenOutcome.Denied })); // it could be opened
    }

    [Fact]
    public void WhoCameByADoor_IsJudgedByIt()
    {
        SeenEnd outside = Outside("192.0.2.9");
        SeenEnd cron = _cron; // under no policy
        Assert.Equal(ReplayVerdict.Passes, Judge(new SeenFlow(outside, cron, IpProtocol.Tcp, 80, null, SeenOutcome.Passed)));
        Assert.Equal(ReplayVerdict.Refused, Judge(new SeenFlow(outside, cron, IpProtocol.Tcp, 80, null, SeenOutcome.DoorClosed)));
        Assert.Equal(ReplayVerdict.Unknown, Judge(new SeenFlow(outside, cron, IpProtocol.Tcp, 80, null, SeenOutcome.Passed) { ByRuleOfIngress = true }));
        Assert.Equal(ReplayVerdict.Passes, Judge(new SeenFlow(Outside("203.0.113.1"), _api, IpProtocol.Tcp, 80, null, SeenOutcome.DoorClosed)));
    }

    private static ReplayVerdict Judge(SeenFlow flow)
    {
        var replay = new PolicyReplay(Policies.Engine(Policy));
        var verdict = replay.Judge(flow);
        Assert.Equal(verdict, replay.Explain(flow).Verdict);
        Assert.NotEmpty(replay.Explain(flow).Why);
        return verdict;
    }

    private static SeenEnd Here(string name, params string[] labels) => new(name, Peers.Container(labels), false, null, true);

    private static SeenEnd Outside(string range) => new("", null, true, range.Length == 0 ? null : IpPrefix.Parse(range), false);
}
