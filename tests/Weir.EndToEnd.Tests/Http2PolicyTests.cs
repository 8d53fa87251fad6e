// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>HTTP/2 without TLS through the proxy, spoken by others' clients and servers.</summary>
[Collection(SharedHost.Name)]
public sealed class Http2PolicyTests : IDisposable
{
    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _client;
    private readonly string _server;
    private readonly string _address;
    private readonly BackgroundCommand _http;

    public Http2PolicyTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _client = host.RunClient("web", _network, "-l", "l7=web");
        _server = host.RunClient("api", _network, "-l", "l7=api");
        _address = host.AddressOf(_server, _network);
        host.Sandbox.Shell("mkdir -p /run/h2; echo hello > /run/h2/public; echo secret > /run/h2/private; head -c 3000000 /dev/zero > /run/h2/public.big");
        _http = host.Sandbox.Start("nsenter", "-t", host.PidOf(_server), "-n", "nghttpd", "-v", "--no-tls", "-d", "/run/h2", "80");
        host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {l7: web}}]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{path: '/public.*'}]}
            """);
        Wait.Until(() => Client("nghttp", "-nv", $"http://{_address}/public").Contains(":status: 200", StringComparison.Ordinal), 5, () => _http.Output);
    }

    public void Dispose()
    {
        _http.Dispose();
        _host.DeletePolicies();
        _host.Remove(_client, _server);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void Requests_AreJudgedOneByOne_OnOneConnection()
    {
        string answers = Client("nghttp", "-v", "-W", "20", $"http://{_address}/public", $"http://{_address}/private", $"http://{_address}/public?again");
        Assert.Equal(2, answers.Split(":status: 200").Length - 1);
        Assert.Equal(1, answers.Split(":status: 403").Length - 1);
        Assert.Contains("Access denied", answers, StringComparison.Ordinal);
        Assert.DoesNotContain("/private", _http.Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void LargeBodies_PassBothWays()
    {
        Assert.Contains("200 3000000", Client("curl", "-sS", "-m", "8", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", $"http://{_address}/public.big"), StringComparison.Ordinal);
        Assert.Contains("200 3000000", Client("curl", "-sS", "-m", "8", "--http2-prior-knowledge", "--data-binary", "@/run/h2/public.big", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", $"http://{_address}/public"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void RefusedUpload_GetsItsAnswer()
    {
        string answer = Client("curl", "-sS", "-i", "-m", "8", "--http2-prior-knowledge", "--data-binary", "@/run/h2/public.big", $"http://{_address}/private");
        Assert.Contains("HTTP/2 403", answer, StringComparison.Ordinal);
        Assert.Contains("Access denied", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("/private", _http.Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void ManyStreams_AreAllAnswered()
    {
        Assert.Contains("5000 2xx", Client("h2load", "-n", "5000", "-c", "10", "-m", "20", $"http://{_address}/public"), StringComparison.Ordinal);
        Assert.Contains("5000 4xx", Client("h2load", "-n", "5000", "-c", "10", "-m", "20", $"http://{_address}/private"), StringComparison.Ordinal);
    }

    private string Client(params string[] command) => _host.InNetworkOf(_client, command).All;
}
