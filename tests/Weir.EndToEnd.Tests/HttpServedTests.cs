// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What everyday clients send is answered through the proxy as it is directly.</summary>
[Collection(HttpHost.Name)]
public sealed class HttpServedTests : IDisposable
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

    /// <summary>Who asks once a connection does not close it first: its port would rest for a minute.</summary>
    [PrivilegedFact]
    public void OneRequestConnections_LeaveTheClientNoTimeWait()
    {
        Apply();
        const string Client = """
            import socket, sys
            for i in range(200):
                s = socket.create_connection((sys.argv[1], 80))
                s.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                data = b""
                while b"\r\n\r\n" not in data:
                    data += s.recv(4096)
                s.close()
            print(sum(line.split()[3] == "06" for line in open("/proc/net/tcp").readlines()[1:]))
            """;
        string left = _host.InNetworkOf(_client, ["python3", "-c", Client, _address]).OrFail().Output.Trim();
        Assert.True(int.Parse(left, null) <= 10, $"{left} of 200 connections rest in TIME_WAIT at the client");
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
