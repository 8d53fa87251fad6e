// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What everyday clients send is answered by HTTP policy as it is directly.</summary>
[Collection(HttpHost.Name)]
public class HttpServedTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly HttpServer _http;
    private readonly string _address;

    public HttpServedTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "l7=web");
        _server = host.RunClient("api", _network, "-l", "l7=api");
        _http = new HttpServer(host, _server);
        _address = host.AddressOf(_server, _network);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
        GC.SuppressFinalize(this);
    }

    [PrivilegedFact]
    public void Clients_AreAnsweredAsTheyAreDirectly()
    {
        string[][] clients =
        [
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "-g", $"http://{_address}/x?q=\"<>\\{{}}|^`"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{_address}/caf\u00e9?q=\u00e9"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "--path-as-is", $"http://{_address}/x/./y/../z"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{_address}/x%0Ay%09z%7F"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "--http2", "-d", "hello", $"http://{_address}/x"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "--http2", "-H", "Transfer-Encoding: chunked", "-d", "hello", $"http://{_address}/x"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "-x", $"http://{_address}:80", "-H", $"Host: {_address}", $"http://{_address}:80/x"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "-0", "-H", "Host:", "-x", $"http://{_address}:80", $"http://{_address}/x"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "-0", $"http://{_address}/x"],
            ["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "-H", "Connection: close", $"http://{_address}/big", "-o", "/dev/null", "-w", "%{http_code} %{size_download}"],
            ["wget", "-q", "-S", "-O", "-", "-T", "5", "-t", "1", $"http://{_address}/x"],
            ["python3", "-c", $"import urllib.request as u; print(u.urlopen(u.Request('http://{_address}/x', data=b'abc'), timeout=5).read())"],
        ];
        string[] directly = [.. clients.Select(Ask)];
        Apply();
        string[] through = [.. clients.Select(Ask)];
        Assert.Equal(directly, through);
        Assert.All(directly, answer => Assert.Matches("200|abc", answer));
        // The server saw the same bytes, too.
        string[] heads = [.. _http.Requests.Select(request => request.Head)];
        Assert.Equal(heads[..clients.Length], heads[clients.Length..]);
    }

    private string Ask(string[] client) => _host.InNetworkOf(_client, client).All;

    private void Apply() => _host.Apply("l7.yaml", """
        - endpointSelector: {matchLabels: {l7: api}}
          ingress:
            - fromEndpoints: [{matchLabels: {l7: web}}]
              toPorts:
                - ports: [{port: "80", protocol: TCP}]
                  rules:
                    http: [{}]
        """);
}
