// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Net;
using Weir.Policy.Comparison;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Policy.Tests;

public sealed class PolicyComparerTests(ITestOutputHelper output)
{
    private const int Rounds = 30;
    private const int Packets = 300;

    private static readonly string?[] _values = [null, "a", "b", "c", "d"];
    private static readonly SampleRequest[] _requests = [.. new[] { "GET /", "GET /a", "PUT /b", "GET /c", "GET /a?x" }.Select(request => SampleRequest.Parse(request, []))];

    /// <summary>Everything it names changes, and nothing else does: against packets and requests judged one by one.</summary>
    [Fact]
    public void RandomPolicies_DifferJustWhereItSays()
    {
        var fixedSeed = Environment.GetEnvironmentVariable("WEIR_SEED");
        var first = fixedSeed is null ? Random.Shared.Next() : int.Parse(fixedSeed);
        output.WriteLine($"first seed {first}");
        var (changed, unchanged) = (0, 0);
        for (var seed = first; seed < first + (fixedSeed is null ? Rounds : 1); seed++)
        {
            var random = new RandomPolicies(seed);
            var kept = random.Document("kept", random.Pick<int>([0, 1, 3]));
            var before = PolicySet.Empty.With([kept, random.Document("old", random.Pick<int>([0, 1, 2, 4]))]);
            var after = PolicySet.Empty.With([random.Document("new", random.Pick<int>([0, 1, 2, 4])), kept]);
            var mode = random.Pick<EnforcementMode>([EnforcementMode.Default, EnforcementMode.Default, EnforcementMode.Always, EnforcementMode.Never]);
            var comparison = PolicyComparer.Compare(before, after, mode);
            Assert.Empty(comparison.Unproved);
            Assert.True(PolicyComparer.Compare(before, before, mode).IsSame, $"WEIR_SEED={seed}");
            var (old, @new) = (new PolicyEngine(before, mode), new PolicyEngine(after, mode));
            for (var i = 0; i < Packets; i++)
            {
                var (from, to) = (Somebody(random), Somebody(random));
                var (protocol, port) = random.Packet();
                if (IsPossible(from, to, protocol, port))
                {
                    var isNamed = Check(comparison, old, @new, from, to, protocol, port, $"WEIR_SEED={seed}: {from} → {to} {protocol} {port}");
                    (changed, unchanged) = (changed + (isNamed ? 1 : 0), unchanged + (isNamed ? 0 : 1));
                }
            }
        }

        output.WriteLine($"{changed} changed, {unchanged} did not");
        Assert.True(fixedSeed is not null || (changed > 100 && unchanged > 100));
    }

    private static bool Check(
        PolicyComparison comparison, PolicyEngine old, PolicyEngine @new, Party from, Party to, IpProtocol protocol, ushort port, string where)
    {
        PolicyDifference[] named = [.. comparison.Differences.Where(difference =>
            from.IsIn(difference.From) && to.IsIn(difference.To) && Contains(difference.Ports, protocol, port, to.Peer))];
        var (before, after) = (old.Explain(from.Under(old), to.Under(old), protocol, port), @new.Explain(from.Under(@new), to.Under(@new), protocol, port));
        var (was, @is) = (KindOf(before), KindOf(after));
        var changesRequest = protocol == IpProtocol.Tcp && _requests.Any(request => Passes(old, from, to, port, request) != Passes(@new, from, to, port, request));
        Assert.True(named.Length <= 1, where);
        Assert.True(named.Length == 1 || (was == @is && !changesRequest), $"{where} changes and is not named: {was} → {@is}");
        foreach (var difference in named)
        {
            Assert.True(was == Word(difference.Before) && @is == Word(difference.After), $"{where}: {difference}, but {was} → {@is}");
            Assert.True(was != @is || difference.Opened is not null || difference.Closed is not null, where);
            foreach (var (example, passes) in new[] { (difference.Opened, true), (difference.Closed, false) })
            {
                if (example is not null)
                {
                    var request = RequestComparer.Parse(example)!;
                    Assert.Equal((where, !passes, passes), (where, Passes(old, from, to, port, request), Passes(@new, from, to, port, request)));
                }
            }

            Assert.NotEmpty(difference.Was);
            Assert.NotEmpty(difference.Is);
        }

        return named.Length > 0;
    }

    [Fact]
    public void AnOpenedPort_IsOneDifference_WithItsRules()
    {
        var difference = Assert.Single(Compare(Rule("80"), Rule("80", "443")).Differences);
        Assert.Equal("role=web → role=api 443/tcp: denied → allowed", difference.ToString());
        Assert.Equal(["ingress: denied, no rule allows it; old (old.yaml:1) puts it under policy"], difference.Was);
        Assert.Equal(["ingress: allowed by rule new at new.yaml:1"], difference.Is);
    }

    [Theory]
    [InlineData("[]", "[{fromEndpoints: [{matchLabels: {role: web}}]}]", "not role=web or host or world → role=api everything: allowed → denied")]
    [InlineData("[{fromEntities: [cluster]}]", "[{fromEntities: [cluster]}, {fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]}]", "10.0.0.0/8 except 10.1.0.0/16 → role=api everything: denied → allowed")]
    [InlineData("[{fromEntities: [host]}]", "[{fromEntities: [host, world]}]", "world → role=api everything: denied → allowed")]
    [InlineData("[{toPorts: [{ports: [{port: '1', endPort: 99, protocol: TCP}]}]}]", "[{toPorts: [{ports: [{port: '50', endPort: 120, protocol: TCP}]}]}]", "every container or host or world → role=api 1-49/tcp: allowed → denied|every container or host or world → role=api 100-120/tcp: denied → allowed")]
    [InlineData("[{toPorts: [{ports: [{port: '80', protocol: TCP}]}]}]", "[{toPorts: [{ports: [{port: '80', protocol: TCP}, {port: http, protocol: TCP}]}]}]", "every container or host or world → role=api 0-79/tcp named http: denied → allowed|every container or host or world → role=api 81-65535/tcp named http: denied → allowed")]
    public void Differences_AreSaidShortly(string before, string after, string expected)
    {
        Assert.Equal(
            expected.Split('|'),
            Compare(Ingress(before), Ingress(after)).Differences.Select(difference => difference.ToString()));
    }

    [Theory]
    [InlineData("{method: GET, path: /a}, {method: HEAD, path: /a}", "{method: GET|HEAD, path: '/(a|a)'}")]
    [InlineData("{path: '/a(/.*)?'}", "{path: /a}, {path: '/a/.*'}")]
    [InlineData("{}", "{}, {method: GET}")]
    [InlineData("{headers: [X-A]}, {headers: ['X-A: b']}", "{headers: [x-a]}")]
    [InlineData("{host: 'A'}", "{host: a}")]
    public void RequestsThatMeanTheSame_AreNoDifference(string before, string after) => Assert.True(Compare(Http(before), Http(after)).IsSame);

    [Theory]
    [InlineData("{method: GET, path: /a}", "{method: GET|PUT, path: /a}", "PUT /a", null)]
    [InlineData("{path: '/a.*'}", "{path: '/a/.*'}", null, "GET /a")]
    [InlineData("{path: '/a'}", "{path: '/b'}", "GET /b", "GET /a")]
    [InlineData("{path: /a, headers: ['X-A: b']}", "{path: /a, headers: [X-A]}", "GET /a X-A: x", null)]
    [InlineData("{path: /a, headers: [X-A]}", "{path: /a}", "GET /a", null)]
    [InlineData("{path: /a, host: 'b'}", "{path: /a, host: 'b(:80)?'}", "GET /a host b:80:", null)]
    [InlineData("{path: /a, host: 'b'}", "{path: /a, host: 'b:80'}", "GET /a host b:80:", "GET /a host b")]
    [InlineData("{path: /a, host: 'b.c'}", "{path: /a, host: 'b\\.c'}", null, "GET /a host bac")]
    [InlineData("{path: '/a%20b'}", "{path: '/a%20c'}", "GET /a%20c", "GET /a%20b")]
    [InlineData("{method: CONNECT, host: a}", "{method: CONNECT, host: 'a|b'}", "CONNECT b:0 host b:0", null)]
    [InlineData("{method: OPTIONS, path: /}", "{method: OPTIONS, path: '/|[*]'}", "OPTIONS *", null)]
    public void AnExample_ShowsWhatChanges(string before, string after, string? opened, string? closed)
    {
        var comparison = Compare(Http(before), Http(after));
        Assert.Empty(comparison.Unproved);
        var difference = comparison.Differences.SingleOrDefault();
        Assert.Equal((opened, closed), (difference?.Opened?.ToString(), difference?.Closed?.ToString()));
    }

    [Fact]
    public void RequestRules_InsteadOfThePort_AreADifference_WithTheRuleThatRefuses()
    {
        var difference = Assert.Single(Compare(Ingress("[{toPorts: [{ports: [{port: '80', protocol: TCP}]}]}]"), Http("{method: GET}")).Differences);
        Assert.Equal(("allowed", "only GET"), (difference.Before, difference.After));
        Assert.Equal("POST /", difference.Closed!.ToString());
        Assert.Equal(["ingress: POST / is refused with 403: rule new at new.yaml:1 allows only GET"], difference.Is);
    }

    [Fact]
    public void ARuleThatMoves_OrIsSplit_IsNoDifference()
    {
        var whole = Ingress("[{fromEndpoints: [{matchLabels: {role: web}}, {matchLabels: {role: batch}}], toPorts: [{ports: [{port: '80', protocol: TCP}, {port: '81', protocol: TCP}]}]}]");
        var split = Ingress("[{fromEndpoints: [{matchLabels: {role: web}}], toPorts: [{ports: [{port: '80', endPort: 81, protocol: TCP}]}]}]")
            + "\n" + Ingress("[{fromEndpoints: [{matchExpressions: [{key: role, operator: In, values: [batch]}]}], toPorts: [{ports: [{port: '80', endPort: 81, protocol: TCP}]}]}]");
        Assert.True(Compare(whole, split).IsSame);
    }

    /// <summary>30 labels that have nothing to do with one another are 2^30 classes.</summary>
    [Fact]
    public void TooManyClasses_AreSaid_AndWhatIsComparedIsRight()
    {
        var rules = string.Join('\n', Enumerable.Range(0, 30).Select(i => $"- {{endpointSelector: {{matchLabels: {{role{i}: api}}}}, ingress: [{{fromEndpoints: [{{matchLabels: {{app{i}: web}}}}]}}]}}"));
        var started = DateTime.UtcNow;
        var comparison = PolicyComparer.Compare(Set("old.yaml", rules), Set("new.yaml", rules.Replace("app7: web", "app7: www", StringComparison.Ordinal)), limits: new ComparisonLimits(Classes: 500));
        output.WriteLine($"{DateTime.UtcNow - started}");
        Assert.Contains("of the 60 labels that rules ask for", Assert.Single(comparison.Unproved), StringComparison.Ordinal);
        Assert.Contains(comparison.Differences, difference => difference.To.ToString().StartsWith("role7=api", StringComparison.Ordinal) && difference.Before == "denied");
        Assert.False(comparison.IsSame);
    }

    [Fact]
    public void HundredsOfServices_AreComparedWhole()
    {
        var rules = string.Join('\n', Enumerable.Range(0, 150).Select(i => $"- {{endpointSelector: {{matchLabels: {{service: s{i}}}}}, ingress: [{{fromEndpoints: [{{matchLabels: {{service: s{(i + 1) % 150}}}}}]}}]}}"));
        var started = DateTime.UtcNow;
        var comparison = Compare(rules, rules.Replace("{service: s8}}]", "{service: s9}}]", StringComparison.Ordinal));
        output.WriteLine($"{DateTime.UtcNow - started}");
        Assert.Empty(comparison.Unproved);
        Assert.Equal(["service=s8 → service=s7 everything: allowed → denied", "service=s9 → service=s7 everything: denied → allowed"], comparison.Differences.Select(difference => difference.ToString()));
    }

    private static string Rule(params string[] ports) =>
        Ingress($"[{{fromEndpoints: [{{matchLabels: {{role: web}}}}], toPorts: [{{ports: [{string.Join(", ", ports.Select(port => $"{{port: '{port}', protocol: TCP}}"))}]}}]}}]");

    /// <summary>No section at all is no policy.</summary>
    private static string Ingress(string entries) => entries == "[]" ? "" : $"- {{endpointSelector: {{matchLabels: {{role: api}}}}, ingress: {entries}}}";

    private static string Http(string rules) => Ingress($"[{{toPorts: [{{ports: [{{port: '80', protocol: TCP}}], rules: {{http: [{rules}]}}}}]}}]");

    private static PolicyComparison Compare(string before, string after) => PolicyComparer.Compare(Set("old.yaml", before), Set("new.yaml", after));

    private static PolicySet Set(string file, string text)
    {
        if (text.Length == 0)
        {
            return PolicySet.Empty;
        }

        var read = PolicyReader.Read(file, text);
        Assert.DoesNotContain(read.Problems, problem => problem.IsError);
        return PolicySet.Empty.With(read.Documents);
    }

    private static string Word(string answer)
    {
        var audit = answer.IndexOf(", audited", StringComparison.Ordinal);
        return !answer.StartsWith("only ", StringComparison.Ordinal) ? answer : $"only{(audit < 0 ? "" : answer[audit..])}";
    }

    private static string KindOf(Explanation explanation) => !explanation.Egress.Decision.Allowed || !explanation.Ingress.Decision.Allowed ? "denied"
        : (explanation.Egress.Decision.Http is { IsAudit: false } || explanation.Ingress.Decision.Http is { IsAudit: false }, PolicyChange.AuditOf([explanation.Egress.Decision, explanation.Ingress.Decision])) switch
        {
            (false, "") => "allowed",
            (false, var audit) => audit,
            (true, "") => "only",
            (true, var audit) => $"only, {audit}",
        };

    private static bool Passes(PolicyEngine engine, Party from, Party to, ushort port, SampleRequest request) =>
        engine.Explain(from.Under(engine), to.Under(engine), IpProtocol.Tcp, port, request).Allowed;

    private static bool IsPossible(Party from, Party to, IpProtocol protocol, ushort port)
    {
        var isAnotherFamily = (from.Address ?? to.Address)?.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? IpProtocol.Icmp : IpProtocol.Icmpv6;
        return (from.Peer.Identity.IsEndpoint || to.Peer.Identity.IsEndpoint)
            && (from.Address is null && to.Address is null || protocol != isAnotherFamily)
            && (protocol, port) is not (IpProtocol.Icmp, 0x0304) && !(protocol == IpProtocol.Icmpv6 && port >> 8 == 2);
    }

    private static bool Contains(ComparedPorts ports, IpProtocol protocol, ushort port, PolicyPeer to)
    {
        var names = to.NamedPorts?.Where(name => name.Value == new NamedPort(port, protocol)).Select(name => name.Key).ToHashSet() ?? [];
        var compared = protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp or IpProtocol.Icmp or IpProtocol.Icmpv6 ? protocol : (IpProtocol)255;
        return ports.Protocol is null
            || (ports.Protocol == compared && ports.First <= port && port <= ports.Last && ports.Named.All(names.Contains) && !ports.NotNamed.Any(names.Contains));
    }

    private static Party Somebody(RandomPolicies random)
    {
        switch (random.Pick<int>([0, 0, 0, 1, 2, 3]))
        {
            case 1:
                return new Party(Peers.Host, null);
            case 2:
                return new Party(Peers.Init, null);
            case 3:
                var address = random.Pick(["10.0.0.1", "10.1.0.1", "10.1.2.1", "10.1.2.3", "192.168.0.1", "203.0.113.1", "fd00::1", "fd00:1::1", "2001:db8::1", "2001:db9::1"]);
                return new Party(PolicyPeer.Unknown, IPAddress.Parse(address));
            default:
                Label[] labels = [.. new[] { "app", "role", "zone" }.Select(key => (key, value: random.Pick(_values))).Where(label => label.value is not null).Select(label => new Label("container", label.key, label.value!))];
                var ports = random.Pick<bool>([true, false]) ? new Dictionary<string, NamedPort>
                {
                    ["web"] = new(random.Packet().Port, IpProtocol.Tcp),
                    ["dns"] = new(random.Pick<ushort>([53, 80]), random.Pick<IpProtocol>([IpProtocol.Tcp, IpProtocol.Udp])),
                    ["gone"] = new(80, IpProtocol.Tcp),
                } : null;
                return new Party(new PolicyPeer(new Identity(300), new LabelSet(labels), ports), null);
        }
    }

    private sealed record Party(PolicyPeer Peer, IPAddress? Address)
    {
        public PolicyPeer Under(PolicyEngine engine) => Address is null ? Peer
            : engine.Set.CidrPrefixes.Where(prefix => prefix.Contains(Address)).OrderByDescending(prefix => prefix.Length).Select(prefix => Peers.Cidr(prefix.ToString())).FirstOrDefault()
            ?? (Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? Peers.World4 : Peers.World6);

        public bool IsIn(PartySet set) =>
            Address is not null ? set.Addresses.Any(range => range.Prefix.Contains(Address) && !range.Except.Any(except => except.Contains(Address)))
            : Peer.Identity.IsLabelSet ? set.Containers.Any(container => container.Conditions.All(condition => condition.Selector.Matches(Peer) == condition.Holds))
            : set.Reserved.Contains(Peer.Identity);

        public override string ToString() => Address?.ToString() ?? Peer.DisplayName;
    }
}
