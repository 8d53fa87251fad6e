// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>HTTP/2 without TLS through the proxy, spoken by others' clients and servers.</summary>
[Collection(HostileHttpHost.Name)]
public class Http2PolicyTests : IDisposable
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
        GC.SuppressFinalize(this);
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
        Assert.Contains("200 3000000", Client("curl", "-sS", "--connect-timeout", "3", "-m", "20", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", $"http://{_address}/public.big"), StringComparison.Ordinal);
        Assert.Contains("200 3000000", Client("curl", "-sS", "--connect-timeout", "3", "-m", "20", "--http2-prior-knowledge", "--data-binary", "@/run/h2/public.big", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", $"http://{_address}/public"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void RefusedUpload_GetsItsAnswer()
    {
        string answer = Client("curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", "--http2-prior-knowledge", "--data-binary", "@/run/h2/public.big", $"http://{_address}/private");
        Assert.Contains("HTTP/2 403", answer, StringComparison.Ordinal);
        Assert.Contains("Access denied", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("/private", _http.Output, StringComparison.Ordinal);
    }

    /// <summary>Frames with body, padding and trailers, at once and byte by byte: the server sees the same.</summary>
    [PrivilegedTheory]
    [InlineData(0)]
    [InlineData(1)]
    public void Frames_ArriveAlike_HoweverTheyAreCut(int piece)
    {
        string fields = Field(":method", "POST") + Field(":scheme", "http") + Field(":path", "/public") + Field(":authority", "a") + Field("x-cut", $"{piece}");
        string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + MakeFrame(4, 0, 0, "") + MakeFrame(8, 0, 0, "\0\0\u0010\0")
            + MakeFrame(1, 0, 1, fields[..30]) + MakeFrame(9, 4, 1, fields[30..])
            + MakeFrame(0, 8, 1, "\u0003hello\0\0\0") + MakeFrame(1, 5, 1, Field("x-trailer", $"yes{piece}"))
            + MakeFrame(1, 5, 3, Field(":method", "GET") + Field(":scheme", "http") + Field(":path", "/private") + Field(":authority", "a"))
            + "@pause 1\n";
        string answer = _host.Sandbox.Run(
            ["nsenter", "-t", _host.PidOf(_client), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/raw_client.py"), _address, "80", "0", $"{piece}"],
            input: bytes).All;
        Wait.Until(() => _http.Output.Contains($"x-trailer: yes{piece}", StringComparison.Ordinal), 5, () => answer + _http.Output);
        Assert.Contains($"x-cut: {piece}", _http.Output, StringComparison.Ordinal);
        Assert.Contains("Access denied", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("/private", _http.Output, StringComparison.Ordinal);
    }

    /// <summary>More or less body than Content-Length says would become a request of its own behind a server that translates to HTTP/1.</summary>
    [PrivilegedTheory]
    [InlineData("0", "GET /private HTTP/1.1", "")]
    [InlineData("5", "hello!", "")]
    [InlineData("5", "hell", "")]
    [InlineData("5", "he", "llo!")]
    public void BodyThatIsNotAsLongAsItSays_EndsTheStream_BeforeItIsWhole(string length, string first, string second)
    {
        string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + MakeFrame(4, 0, 0, "")
            + MakeFrame(1, 4, 1, Field(":method", "POST") + Field(":scheme", "http") + Field(":path", "/public") + Field(":authority", "a") + Field("content-length", length))
            + MakeFrame(0, second.Length == 0 ? 1 : 0, 1, first) + (second.Length == 0 ? "" : MakeFrame(0, 1, 1, second)) + "@pause 1\n";
        string answer = _host.Sandbox.Run(
            ["nsenter", "-t", _host.PidOf(_client), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/raw_client.py"), _address, "80"], input: bytes).All;
        Wait.Until(() => _http.Output.Split("content-length").Last().Contains("recv RST_STREAM", StringComparison.Ordinal), 5, () => answer + _http.Output);
        string after = _http.Output.Split("content-length").Last();
        Assert.DoesNotContain("END_STREAM", after, StringComparison.Ordinal);
        if (second.Length == 0)
        {
            Assert.DoesNotContain("recv DATA", after, StringComparison.Ordinal);
        }
    }

    /// <summary>nghttpx is a server that takes the upgrade of a request to HTTP/2.</summary>
    [PrivilegedFact]
    public void UpgradeToHttp2_IsJudgedLikeAnyOther()
    {
        _host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEndpoints: [{matchLabels: {l7: web}}]
                  toPorts:
                    - ports: [{port: "81", protocol: TCP}]
                      rules: {http: [{path: '/public.*'}]}
            """);
        using BackgroundCommand front = _host.Sandbox.Start(
            "nsenter", "-t", _host.PidOf(_server), "-n", "nghttpx", "--conf=/dev/null", "-f*,81;no-tls", "-b127.0.0.1,80;;proto=h2", "--workers=1");
        Wait.Until(
            () => Client("nghttp", "-unv", $"http://{_address}:81/public").Contains("HTTP Upgrade success", StringComparison.Ordinal), 8, () => front.Output);
        string answers = Client("nghttp", "-uv", $"http://{_address}:81/public", $"http://{_address}:81/private");
        Assert.Equal(1, answers.Split(":status: 200").Length - 1);
        Assert.Equal(1, answers.Split(":status: 403").Length - 1);
        Assert.Contains("403", Client("nghttp", "-unv", $"http://{_address}:81/private"), StringComparison.Ordinal);
        Assert.DoesNotContain("/private", _http.Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void ManyStreams_AreAllAnswered()
    {
        Assert.Contains("5000 2xx", Client("h2load", "-n", "5000", "-c", "10", "-m", "20", $"http://{_address}/public"), StringComparison.Ordinal);
        Assert.Contains("5000 4xx", Client("h2load", "-n", "5000", "-c", "10", "-m", "20", $"http://{_address}/private"), StringComparison.Ordinal);
    }

    /// <summary>A literal header that is in no table, both shorter than 127 bytes.</summary>
    private static string Field(string name, string value) => $"\0{(char)name.Length}{name}{(char)value.Length}{value}";

    private static string MakeFrame(int type, int flags, int stream, string payload) =>
        $"\0\0{(char)payload.Length}{(char)type}{(char)flags}\0\0\0{(char)stream}{payload}";

    private string Client(params string[] command) => _host.InNetworkOf(_client, command).All;
}
