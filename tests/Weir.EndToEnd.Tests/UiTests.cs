// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>"weir ui" with a real agent, containers and traffic. The page itself is tested in a browser, in Weir.Ui.Tests.</summary>
[Collection(HttpHost.Name)]
public sealed class UiTests : IDisposable
{
    private const string Socket = "/run/weir-ui.sock";

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _web;
    private readonly string _api;
    private readonly string _address;
    private readonly HttpServer _http;
    private readonly HttpClient _browser;

    public UiTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _web = host.RunClient("web", _network, "-l", "seen=web", "-l", "com.docker.compose.project=shop", "-l", "com.docker.compose.service=web");
        _api = host.RunServer("api", _network, "-l", "seen=api", "-l", "com.docker.compose.project=shop", "-l", "com.docker.compose.service=api");
        _http = new HttpServer(host, _api, 8080);
        _address = host.AddressOf(_api, _network);
        host.Apply("seen.yaml", """
            - endpointSelector: {matchLabels: {seen: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {seen: web}}]
                  toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{method: GET, path: "/orders/[0-9]+"}]}}]
            """);
        _browser = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(host.Sandbox.HostPath(Socket)), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost:8765"), Timeout = TimeSpan.FromSeconds(30) };
    }

    public void Dispose()
    {
        _browser.Dispose();
        _http.Dispose();
        _host.DeletePolicies();
        _host.Docker("rm", "-f", _web, _api);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public async Task WhatFlows_IsOnTheMap_AndADeniedFlowLeadsToThePolicyThatAllowsIt()
    {
        CommandResult wrong = _host.Weir("ui", "--listen", "0.0.0.0:80");
        Assert.Equal((2, true), (wrong.ExitCode, wrong.Error.Contains("served to this host alone", StringComparison.Ordinal)));
        using BackgroundCommand ui = _host.Sandbox.Start([Sandbox.Weir, "ui", "--listen", "unix:" + Socket]);
        ui.WaitFor("ssh -L", 20);
        string token = Regex.Match(ui.Output, "#token=(.+)").Groups[1].Value.Trim();
        Assert.Equal("600", _host.Sandbox.Shell($"stat -c %a {Socket}").Trim());
        Assert.Equal(1, _host.Weir("ui", "--listen", "unix:" + Socket).ExitCode); // somebody serves there
        _browser.DefaultRequestHeaders.Authorization = new("Bearer", JsonSerializer.Deserialize<string>(await PostAsync("/session", token)));

        using StreamReader map = await ListenAsync("/api/map?since=1h");
        using StreamReader flows = await ListenAsync($"/api/monitor?to={_api}&type=drop&type=l7");
        Assert.Contains("\"here\":true", await flows.ReadLineAsync(), StringComparison.Ordinal);
        Dictionary<int, JsonElement> nodes = [];
        JsonElement edge = await FindEdgeAsync(map, nodes, e => e.GetProperty("requests").GetInt32() >= 2 && e.GetProperty("denied").GetInt32() >= 2);
        Assert.Equal(("web", "api"), (NameOf("from"), NameOf("to")));
        string? NameOf(string end) => nodes[edge.GetProperty(end).GetInt32()].GetProperty("name").GetString();
        Assert.Equal("shop", nodes[edge.GetProperty("to").GetInt32()].GetProperty("group").GetString());
        Assert.Contains(_api, nodes[edge.GetProperty("to").GetInt32()].GetProperty("containers").ToString(), StringComparison.Ordinal);
        Assert.True(edge.GetProperty("p99").GetDouble() > 0 && edge.GetProperty("rate").GetDouble() > 0);

        // The drop as it is told live, and the policy that would allow it, which is one.
        string? raw = null;
        while (raw is null)
        {
            JsonElement line = JsonDocument.Parse((await flows.ReadLineAsync())!).RootElement;
            raw = line.TryGetProperty("flow", out JsonElement flow) && flow.GetProperty("type").GetString() == "drop" ? line.GetProperty("raw").GetString() : null;
        }

        string yaml = JsonDocument.Parse(await PostAsync("/api/suggest", raw)).RootElement.GetProperty("yaml").GetString()!;
        Assert.Contains("81", yaml, StringComparison.Ordinal);
        JsonElement draft = JsonDocument.Parse(await PostAsync("/api/draft?since=1h", yaml)).RootElement;
        Assert.Equal(0, draft.GetProperty("replay").GetProperty("problems").EnumerateArray().Count(problem => !problem.GetProperty("warning").GetBoolean() && !problem.GetProperty("notice").GetBoolean()));
        Assert.Equal("added", draft.GetProperty("policy").GetProperty("documents")[0].GetProperty("change").GetString());
        Assert.DoesNotContain("81", _host.Weir("policy", "get").OrFail().Output, StringComparison.Ordinal); // only tried

        // The agent's restart is not the end of it.
        _host.Agent.Kill();
        _host.Agent.Start();
        await FindEdgeAsync(map, nodes, e => e.GetProperty("flows").GetInt32() > edge.GetProperty("flows").GetInt32());
    }

    private async Task<JsonElement> FindEdgeAsync(StreamReader map, Dictionary<int, JsonElement> nodes, Func<JsonElement, bool> isIt)
    {
        for (int i = 0; i < 40; i++)
        {
            foreach (string rest in new[] { ":8080/orders/1", ":8080/private", ":81/" })
            {
                _host.InNetworkOf(_web, "curl", "-sS", "-m", "1", $"http://{_address}{rest}");
            }

            JsonElement line = JsonDocument.Parse((await map.ReadLineAsync())!).RootElement;
            if (line.TryGetProperty("wait", out _))
            {
                continue;
            }

            foreach (JsonElement node in line.GetProperty("nodes").EnumerateArray())
            {
                nodes[node.GetProperty("id").GetInt32()] = node;
            }

            foreach (JsonElement edge in line.GetProperty("edges").EnumerateArray().Where(edge => nodes[edge.GetProperty("from").GetInt32()].GetProperty("name").GetString() == "web" && isIt(edge)))
            {
                return edge;
            }
        }

        throw new InvalidOperationException("what flows is not on the map");    }

    private async Task<string> PostAsync(string path, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8) };
        request.Headers.Add("Origin", "http://localhost:8765");
        using HttpResponseMessage answer = await _browser.SendAsync(request);
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {answer.StatusCode} {text}");
        return text;
    }

    private async Task<StreamReader> ListenAsync(string path)
    {
        HttpResponseMessage answer = await _browser.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
        return new StreamReader(await answer.EnsureSuccessStatusCode().Content.ReadAsStreamAsync());
    }
}
