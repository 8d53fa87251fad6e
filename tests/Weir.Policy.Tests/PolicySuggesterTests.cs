// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Replay;
using Weir.Policy.Suggestions;
using Xunit;

namespace Weir.Policy.Tests;

public sealed class PolicySuggesterTests
{
    private static readonly DateTimeOffset _start = new(2026, 11, 27, 10, 0, 0, TimeSpan.Zero);
    private static readonly SuggestionOptions _options = new("api", "for role=api");
    private static readonly Label[] _api = [Label.Parse("role=api")];

    private static readonly SeenEnd _server = Here("api-1", "role=api", "version=1.2.3", "build=7c1f2ab");
    private static readonly SeenEnd _web = Here("web-1", "role=web", "version=4");
    private static readonly SeenEnd _compose = Here("shop-cron-1", "com.docker.compose.project=shop", "com.docker.compose.service=cron", "com.docker.compose.config-hash=0123456789abcdef");
    private static readonly SeenEnd _nameless = Here("job-77", "version=3", "id=0123456789ab");

    [Fact]
    public void EachRule_TellsByWhatItIsBacked_AndWhatIsLeftOutIsTold()
    {
        SeenFlow[] flows =
        [
            Flow(_web, _server, 8080, count: 1203),
            Flow(_compose, _server, 9000, count: 2),
            Flow(_nameless, _server, 9000),
            Flow(Outside("203.0.113.7"), _server, 8080, count: 3),
            Flow(Outside("203.0.113.8"), _server, 8080, count: 4),
            Flow(Outside("198.51.100.1"), _server, 8080),
            Flow(_web, _server, 22) with { Outcome = SeenOutcome.Denied, Count = 5 },
            Flow(_server, Outside("192.0.2.53"), 53) with { Protocol = IpProtocol.Udp },
            Flow(_server, Outside("2001:db8::1"), 443),
            Flow(_web, _server, 8 << 8) with { Protocol = IpProtocol.Icmp },
        ];
        var suggestion = Suggest(flows);
        Assert.Equal(
            """
            # Suggested for role=api: it allows 1 215 of 1 222 flows.
            # Read it, then try it on the record before it is in force: weir policy apply --dry-run --since 24h -f FILE
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata:
              name: api
            spec:
              endpointSelector:
                matchLabels:
                  role: api
              ingress:
                # 2 times, first 2026-11-27 10:00Z, last 2026-11-27 11:00Z
                - fromEndpoints:
                    - matchLabels:
                        com.docker.compose.project: shop
                        com.docker.compose.service: cron
                  toPorts:
                    - ports:
                        - {port: "9000", protocol: TCP}
                # 1 204 times, first 2026-11-27 10:00Z, last 2026-11-27 11:00Z
                - fromEndpoints:
                    - matchLabels:
                        role: web
                  toPorts:
                    - ports:
                        - {port: "8080", protocol: TCP}
                - fromEndpoints:
                    - matchLabels:
                        role: web
                  icmps:
                    - fields:
                        - {family: IPv4, type: 8}
                # 7 times, first 2026-11-27 10:00Z, last 2026-11-27 11:00Z
                - fromCIDR:
                    - "203.0.113.7/32"
                    - "203.0.113.8/32"
                  toPorts:
                    - ports:
                        - {port: "8080", protocol: TCP}
              egress:
                # once, first 2026-11-27 10:00Z, last 2026-11-27 11:00Z
                - toCIDR:
                    - "2001:db8::1/128"
                  toPorts:
                    - ports:
                        - {port: "443", protocol: TCP}
                # names, open to every resolver: once, first 2026-11-27 10:00Z, last 2026-11-27 11:00Z
                - toPorts:
                    - ports:
                        - {port: "53", protocol: TCP}
                        - {port: "53", protocol: UDP}
            # Left out:
            # - web-1 → api-1 22/tcp: 5 times; it was refused: --include-denied takes it in
            # - 198.51.100.1 → api-1 8080/tcp: once; a stranger who came once
            # - job-77 → api-1 9000/tcp: once; it has no label that stays the same: give it one, such as role=…

            """,
            suggestion.Yaml);
        Assert.Equal((1222UL, 1215UL), (suggestion.Flows, suggestion.Covered));
        string[] lines = suggestion.Yaml.Split('\n');
        Assert.All(suggestion.Rules, rule => Assert.StartsWith("    - ", lines[rule.Line - 1], StringComparison.Ordinal));
        Assert.Contains("22", Suggest(flows, _options with { IncludeDenied = true }).Rules.Single(rule => rule.Peer == "role=web").Ports, StringComparison.Ordinal);
    }

    [Fact]
    public void Requests_AreAllowedByMethodAndPath_WithIdentifiersFolded()
    {
        string[] names = ["ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ida"];
        SeenFlow[] flows =
        [
            Flow(_web, _server, 80) with { HasRequests = true },
            Get("GET", "/orders/*"), Get("PUT", "/orders/*"), Get("GET", "/list"), Get("GET", "/list?*"), Get("GET", "/find?*"), Get("GET", "/a.b(c"),
            .. names.Select(name => Get("GET", $"/users/{name}/posts")),
        ];
        var suggestion = Suggest(flows);
        Assert.Equal(
            [@"GET /a\.b\(c", "GET /find[?].*", "GET /list([?].*)?", "GET|PUT /orders/[^?/]+", "GET /users/[^?/]+/posts"],
            suggestion.Rules.Single().Requests);
        Assert.Equal(suggestion.Flows, suggestion.Covered);
        var replay = Replay(suggestion);
        Assert.Equal(ReplayVerdict.Refused, replay.Judge(Get("POST", "/orders/*")));
        Assert.Equal(ReplayVerdict.Refused, replay.Judge(Get("GET", "/admin")));
        Assert.Equal(ReplayVerdict.Refused, replay.Judge(Get("GET", "/find")));

        // Of few values each is told.
        Assert.Equal(3, Suggest([Get("GET", "/users/ann"), Get("GET", "/users/bob"), Get("GET", "/users/cid")]).Rules.Single().Requests.Count);
    }

    [Fact]
    public void WhatIsInNames_StaysInItsQuotes()
    {
        SeenEnd hostile = new("x\n- evil: {}\u2028# y", Peers.Container("role=a: b # c\n\"'{", "com.docker.compose.service=\"\n- x"), false, null, true);
        SeenEnd other = new("y\r\nspec:", Peers.Container("version=1"), false, null, true);
        var suggestion = Suggest([Flow(hostile, _server, 80), Flow(other, _server, 80), Get("GET", "/\"'\\: #\u0001{}") with { From = hostile, Port = 81 }]);
        Assert.Empty(Policies.Read(suggestion.Yaml).Problems);
        Assert.All(suggestion.Yaml.Split('\n').Where(line => line.Contains("evil", StringComparison.Ordinal) || line.Contains("y??spec", StringComparison.Ordinal)), line => Assert.StartsWith("# ", line, StringComparison.Ordinal));
        Assert.Equal((3UL, 1UL), (suggestion.Flows, suggestion.Covered)); // the proxy would have taken no such request
    }

    [Fact]
    public void ManyAddresses_AreTheirNetwork_AndVeryMany_TheWorld()
    {
        Assert.Equal("203.0.113.0/24", Suggest([.. Enumerable.Range(0, 20).Select(i => Flow(_server, Outside($"203.0.113.{i}"), 443))]).Rules[0].Peer);
        Assert.Equal("world", Suggest([.. Enumerable.Range(0, 100).Select(i => Flow(_server, Outside($"203.0.{i}.1"), 443))]).Rules[0].Peer);
    }

    [Fact]
    public void WhoAsksForManyPorts_EachHardlyEver_IsLeftOut()
    {
        var suggestion = Suggest([.. Enumerable.Range(1, 40).Select(port => Flow(_web, _server, port)), Flow(_web, _server, 80, count: 10)]);
        Assert.Equal("80/tcp", suggestion.Rules.Single().Ports);
        Assert.Equal(40, suggestion.LeftOut.Count);
    }

    [Fact]
    public void OneFlow_IsAllowed_AndNothingElseIsDenied()
    {
        var suggestion = PolicySuggester.Allow(Flow(Outside("198.51.100.1"), _server, 8080) with { Outcome = SeenOutcome.DoorClosed }, PolicyDirection.Ingress, _api, [], _options);
        var engine = Policies.Engine(suggestion.Yaml);
        Assert.True(engine.In(_server.Peer!, Peers.Cidr("198.51.100.1/32"), 8080));
        Assert.True(engine.In(_server.Peer!, Peers.World4, 1)); // still under no policy
        engine = Policies.Engine(suggestion.Yaml + "---\n" + """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: deny-all}
            spec: {endpointSelector: {}, ingress: [{}]}
            """);
        Assert.True(engine.In(_server.Peer!, Peers.Cidr("198.51.100.1/32"), 8080));
        Assert.False(engine.In(_server.Peer!, Peers.Cidr("198.51.100.1/32"), 8081));
        Assert.False(engine.In(_server.Peer!, Peers.World4, 8080));
    }

    [Fact]
    public void OfRandomFlows_AllThatIsNotLeftOutPasses_AndOthersDoNot()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            SeenEnd[] containers = [.. Enumerable.Range(0, 8).Select(i => Here($"c{i}", $"role=r{i % 5}", $"zone=z{i % 3}", $"version=1.{random.Next(9)}"))];
            SeenEnd[] others = [.. containers, Outside("203.0.113.5"), Outside("198.51.100.0/24"), new SeenEnd("", Peers.Host, false, null, false)];
            Label[] subject = [Label.Parse("role=r1")];
            SeenFlow[] flows = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => Random(random, containers, others)).DistinctBy(flow => (flow.From, flow.To, flow.Protocol, flow.Port, flow.Request))];
            var suggestion = PolicySuggester.Suggest(flows, subject, [], _options);
            Assert.Equal(suggestion.Yaml, PolicySuggester.Suggest([.. flows.Reverse()], subject, [], _options).Yaml);
            if (suggestion.Yaml.Length == 0)
            {
                continue;
            }

            Assert.Empty(Policies.Read(suggestion.Yaml).Problems);
            var replay = Replay(suggestion);
            SeenFlow[] own = [.. flows.Where(flow => Is(flow.From) || Is(flow.To))];
            var passing = own.Where(flow => replay.Judge(flow) == ReplayVerdict.Passes).Aggregate(0UL, (sum, flow) => sum + flow.Count);
            Assert.True(passing >= suggestion.Covered, $"seed {seed}");
            HashSet<string> leftOut = [.. suggestion.LeftOut.Select(left => left.What)];
            Assert.All(own, flow => Assert.True(replay.Judge(flow) == ReplayVerdict.Passes || leftOut.Contains(What(flow)), $"seed {seed}: {What(flow)}\n{suggestion.Yaml}"));

            // Somebody new, and a port that nobody asked for.
            if (suggestion.Rules.Any(rule => rule.Direction == PolicyDirection.Ingress))
            {
                var server = containers.First(Is);
                Assert.Equal(ReplayVerdict.Refused, replay.Judge(Flow(Here("new", "role=new"), server, 80)));
                Assert.All(containers, container => Assert.Equal(ReplayVerdict.Refused, replay.Judge(Flow(container, server, 4444))));
            }
        }

        static bool Is(SeenEnd end) => end.Peer is { } peer && peer.Labels.Any(label => label is { Key: "role", Value: "r1" });
    }

    private static string What(SeenFlow flow) => $"{flow.From.DisplayName} → {flow.To.DisplayName} {flow.PortText}{(flow.Request is { } request ? $" {request.Text}" : "")}";

    private static SeenFlow Random(Random random, SeenEnd[] containers, SeenEnd[] others)
    {
        var inside = containers[random.Next(containers.Length)];
        var other = others[random.Next(others.Length)];
        var flow = random.Next(2) == 0 ? Flow(inside, other, 0) : Flow(other, inside, 0);
        ushort[] ports = [53, 80, 81, 443, 8080];
        return random.Next(4) switch
        {
            0 => flow with { Protocol = IpProtocol.Udp, Port = ports[random.Next(ports.Length)], Count = (ulong)random.Next(1, 5) },
            1 => flow with { Port = 80, Request = new SeenRequest(random.Next(2) == 0 ? "GET" : "POST", random.Next(3) switch { 0 => "/a/*", 1 => "/b?*", _ => "/c" }, "") },
            _ => flow with { Port = ports[random.Next(ports.Length)], HasRequests = random.Next(2) == 0, Count = (ulong)random.Next(1, 5) },
        };
    }

    private static Suggestion Suggest(SeenFlow[] flows, SuggestionOptions? options = null)
    {
        var suggestion = PolicySuggester.Suggest(flows, _api, [], options ?? _options);
        Assert.Empty(Policies.Read(suggestion.Yaml).Problems);
        return suggestion;
    }

    private static PolicyReplay Replay(Suggestion suggestion) => new(Policies.Engine(suggestion.Yaml));

    private static SeenFlow Get(string method, string path) => Flow(_web, _server, 80) with { Request = new SeenRequest(method, path, "api") };

    private static SeenFlow Flow(SeenEnd from, SeenEnd to, int port, ulong count = 1) =>
        new(from, to, IpProtocol.Tcp, (ushort)port, null, SeenOutcome.Passed) { Count = count, First = _start, Last = _start.AddHours(1) };

    private static SeenEnd Here(string name, params string[] labels) => new(name, Peers.Container(labels), false, null, true);

    private static SeenEnd Outside(string range) => new("", null, true, IpPrefix.Parse(range), false);
}
