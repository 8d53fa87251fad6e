// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What a dry run says of the record is what comes when the draft is in force: each draft is tried on what was recorded under
/// another policy, then applied, and the same is sent again.</summary>
[Collection(HttpHost.Name)]
public sealed class ReplayTests : IDisposable
{
    private const string Before =
        """
        - endpointSelector: {matchLabels: {replay: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {replay: web}}, {matchLabels: {replay: shop}}]
              toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{}]}}, {ports: [{port: "81", protocol: TCP}]}]
            - fromEndpoints: [{matchLabels: {replay: cron}}]
              toPorts: [{ports: [{port: "81", protocol: TCP}]}]
        """;

    private static readonly string[] _drafts =
    [
        """
        - endpointSelector: {matchLabels: {replay: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {replay: web}}]
              toPorts:
                - ports: [{port: "80", protocol: TCP}]
                  rules: {http: [{method: GET, path: "/public"}, {method: "GET|PUT", path: "/orders/[^?/]+"}, {path: "/private[?].*"}, {method: GET, path: "/users/[0-9]+"}]}
            - fromEndpoints: [{matchLabels: {replay: cron}}]
              toPorts: [{ports: [{port: "80", protocol: TCP}, {port: "82", protocol: TCP}]}]
            - icmps: [{fields: [{family: IPv4, type: 8}]}]
        """,
        """
        - endpointSelector: {matchLabels: {replay: shop}}
          egress: [{toEndpoints: [{matchLabels: {replay: api}}], toPorts: [{ports: [{port: "81", protocol: TCP}]}]}]
        - endpointSelector: {matchLabels: {replay: api}}
          ingressDeny: [{fromEndpoints: [{matchLabels: {replay: cron}}], toPorts: [{ports: [{port: "81", endPort: 90, protocol: TCP}]}]}]
        """,
        """
        - endpointSelector: {matchExpressions: [{key: replay, operator: NotIn, values: [cron]}]}
          egress: [{toEndpoints: [{matchLabels: {replay: api}}], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: PUT}, {method: GET, path: "/p.*"}]}}]}]
        """,
    ];

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _api;
    private readonly string _address;
    private readonly string[] _clients;
    private readonly List<HttpServer> _servers = [];

    public ReplayTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _api = host.RunClient("api", _network, "-l", "replay=api", "-l", "version=1.2.3");
        _clients = [.. new[] { "web", "shop", "cron" }.Select(role => host.RunClient(role, _network, "-l", $"replay={role}"))];
        _servers.AddRange(new[] { 80, 81, 82 }.Select(port => new HttpServer(host, _api, port)));
        _address = host.AddressOf(_api, _network);
        _host.Agent.Stop();
        _host.Agent.Start("--record", "all");
    }

    public void Dispose()
    {
        _servers.ForEach(server => server.Dispose());
        _host.Agent.Stop();
        _host.Agent.Start();
        _host.DeletePolicies();
        _host.Remove([_api, .. _clients]);
        _host.Docker("network", "rm", _network);
    }

    private enum Became
    {
        Passed,
        Refused,
        Nothing,
    }

    [PrivilegedFact]
    public void WhatADryRunSays_ComesWhenTheDraftIsInForce_AndAPolicyIsSuggestedThatHolds()
    {
        _host.Apply("replay.yaml", Before);
        string since = Moment();
        Dictionary<Sent, Became> before = Send();
        Assert.Equal([Became.Passed, Became.Nothing], before.Values.Distinct().Order());
        Wait.Until(() => _host.Weir("flows", "--since", "10m", "--type", "l7").Output.Contains("http ", StringComparison.Ordinal), 15, () => "no request is on record");
        Thread.Sleep(1000); // the proxy tells of a request a moment after its answer
        string until = Moment();

        List<JsonElement> tried = [];
        foreach (string draft in _drafts)
        {
            CommandResult said = Try(draft, since, until);
            Assert.True(said.ExitCode is 0 or 1, said.All);
            JsonElement answer = JsonDocument.Parse(said.Output).RootElement;
            Assert.Equal(said.ExitCode == 1, answer.GetProperty("refused").GetUInt64() > 0);
            tried.Add(answer);
        }

        CommandResult text = _host.Weir("policy", "apply", "--dry-run", "--replace", "--since", since, "--until", until, "-f", WriteFile("text.yaml", _drafts[0]));
        Assert.True(Regex.IsMatch(text.Output, $@"would refuse \d+ of \d+ flows:[\s\S]*{_clients[1]} → {_api} \d+/tcp.*: (once|\d+ times), last [\s\S]*no rule allows it; nearest is text"), text.All);
        Assert.Equal(1, text.ExitCode);
        string suggested = _host.Weir("policy", "suggest", "--for", "replay=api", "--since", since, "--until", until).OrFail().Output;
        Assert.Contains("replay: cron", suggested, StringComparison.Ordinal);
        Assert.DoesNotContain("version", suggested, StringComparison.Ordinal);

        string differences = "";
        int told = 0;
        foreach (var (draft, answer) in _drafts.Zip(tried))
        {
            _host.DeletePolicies();
            _host.Apply("replay.yaml", draft);
            Dictionary<Sent, Became> after = Send();
            foreach (var (sent, was) in before)
            {
                if (Predict(answer, sent, was) is { } predicted)
                {
                    told++;
                    differences += predicted(after[sent]) ? "" : $"{sent}: was {was}, is {after[sent]} under\n{draft}\n{Group(answer, sent)}\n";
                }
            }
        }

        Assert.True(differences.Length == 0, differences);
        Assert.InRange(told, before.Count * _drafts.Length * 8 / 10, int.MaxValue); // "cannot tell" is no way out

        // What was suggested lets pass what passed, and nothing else.
        _host.DeletePolicies();
        _host.Apply("suggested.yaml", suggested);
        foreach (var (sent, now) in Send())
        {
            Assert.True((before[sent] == Became.Passed) == (now == Became.Passed), $"{sent}: was {before[sent]}, is {now} under\n{suggested}");
        }

        // And the past is explained by what was in force then.
        _host.DeletePolicies();
        _host.Apply("replay.yaml", "- endpointSelector: {matchLabels: {replay: api}}\n  ingress: [{}]\n");
        string past = _host.Weir("explain", "--at", until, _clients[0], _api, "81/tcp").OrFail().Output;
        Assert.Matches($@"{_clients[0]} → {_api} 81/tcp: allowed\s[\s\S]*allowed by rule replay\S* at \S*replay.yaml:\d[\s\S]*now it is denied\s[\s\S]*policy replay was changed by ", past);
        Assert.Matches(@"replay added[\s\S]*replay changed|replay deleted", _host.Weir("policy", "history", "--since", since).OrFail().Output);
        CommandResult unknown = _host.Weir("explain", "--at", "6d", _clients[0], _api, "81/tcp");
        Assert.Equal(2, unknown.ExitCode);
        Assert.Contains("the history goes back to", unknown.Error, StringComparison.Ordinal);

        // What was refused last is allowed by what is suggested for it.
        Curl(_clients[2], "-m", "1", $"http://{_address}:82/");
        string one = _host.Weir("policy", "suggest", "--last-denied", "--from", _clients[2], "--to", _api, "--port", "82").OrFail().Output;
        _host.Apply("one.yaml", one);
        Assert.Equal("200", Curl(_clients[2], $"http://{_address}:82/"));
        Assert.NotEqual("200", Curl(_clients[2], "-m", "1", $"http://{_address}:81/"));
        CommandResult typo = _host.Weir("policy", "suggest", "--for", "replay=apo");
        Assert.Equal(2, typo.ExitCode);
        Assert.Contains("did you mean replay=api?", typo.Error, StringComparison.Ordinal);
        CommandResult bad = _host.Weir("policy", "apply", "--dry-run", "--since", "1h", "-f", WriteFile("bad.yaml", "- endpointSelector: {}\n  ingres: []\n"));
        Assert.Equal(2, bad.ExitCode);
        Assert.Contains("bad.yaml:2", bad.Error, StringComparison.Ordinal);
    }

    /// <summary>What the answer says of it; null: that it cannot be told.</summary>
    private static Func<Became, bool>? Predict(JsonElement answer, Sent sent, Became was)
    {
        string outcome = Group(answer, sent) is { ValueKind: JsonValueKind.Object } group ? group.GetProperty("outcome").GetString()! : "unchanged";
        return (outcome, was) switch
        {
            ("unknown", _) => null,
            ("refused", _) => now => now != Became.Passed,
            ("allowed", Became.Nothing) => now => now != Became.Nothing, // of what was no connection, requests are not known
            ("allowed", _) => now => now == Became.Passed,
            (_, Became.Passed) => now => now == Became.Passed,
            (_, Became.Refused) => now => now != Became.Passed,
            _ => now => now == Became.Nothing,
        };
    }

    /// <summary>Of the request; where there was none, of the connection.</summary>
    private static JsonElement Group(JsonElement answer, Sent sent)
    {
        JsonElement[] groups = [.. answer.GetProperty("groups").EnumerateArray().Where(group =>
            group.GetProperty("source").GetProperty("name").GetString() == sent.From && group.GetProperty("port").GetString() == sent.PortText)];
        JsonElement own = groups.FirstOrDefault(group => sent.Shape.Length > 0 && group.GetProperty("request").GetString() == sent.Shape);
        return own.ValueKind == JsonValueKind.Object ? own : groups.FirstOrDefault(group => group.GetProperty("request").GetString()!.Length == 0);
    }

    private static string Moment()
    {
        Thread.Sleep(200);
        return DateTimeOffset.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
    }

    private Dictionary<Sent, Became> Send()
    {
        Dictionary<Sent, Became> became = [];
        foreach (string client in _clients)
        {
            foreach (string method in (string[])["GET", "PUT", "DELETE"])
            {
                foreach (string path in (string[])["/public", "/orders/1", "/orders/1?x=1", "/users/17", "/private?token=1", "/"])
                {
                    became.Add(new Sent(client, "80/tcp", $"{method} {ShapeOf(path)}"), Of(Curl(client, "-X", method, $"http://{_address}{path}")));
                }
            }

            foreach (int port in (int[])[81, 82])
            {
                became.Add(new Sent(client, $"{port}/tcp", ""), Of(Curl(client, $"http://{_address}:{port}/")));
            }

            became.Add(new Sent(client, "icmp type 8 code 0", ""), _host.InNetworkOf(client, "ping", "-c", "1", "-W", "1", _address).Succeeded ? Became.Passed : Became.Nothing);
        }

        return became;
    }

    private static Became Of(string status) => status switch { "200" => Became.Passed, "403" => Became.Refused, _ => Became.Nothing };

    private static string ShapeOf(string path) => Regex.Replace(path, @"\?.*", "?*") is var shape ? Regex.Replace(shape, @"/\d+", "/*") : "";

    private string Curl(string client, params string[] arguments) =>
        _host.InNetworkOf(client, ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--connect-timeout", "3", "-m", "20", .. arguments]).Output.Trim();

    private CommandResult Try(string draft, string since, string until) =>
        _host.Weir("policy", "apply", "--dry-run", "--replace", "--since", since, "--until", until, "-o", "json", "-f", WriteFile("draft.yaml", draft));

    private string WriteFile(string name, string text)
    {
        _host.Sandbox.WriteFile($"/run/{name}", text);
        return $"/run/{name}";
    }

    private sealed record Sent(string From, string PortText, string Shape);
}
