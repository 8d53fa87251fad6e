// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A client, a server that says what it was asked, and HTTP policy between them, made anew for each test.</summary>
public abstract class HttpBed : IDisposable
{
    private readonly string _network;

    protected HttpBed(DockerHost host)
    {
        Host = host;
        _network = host.MakeNetwork();
        Client = host.RunClient("web", _network, "-l", "l7=web");
        Server = host.RunClient("api", _network, "-l", "l7=api");
        Http = new HttpServer(host, Server);
        Address = host.AddressOf(Server, _network);
        Address6 = host.AddressOf(Server, _network, v6: true);
    }

    protected DockerHost Host { get; }

    protected string Client { get; }

    protected string Server { get; }

    protected string Address { get; }

    protected string Address6 { get; }

    private protected HttpServer Http { get; }

    public void Dispose()
    {
        Http.Dispose();
        Host.DeletePolicies();
        Host.Remove(Client, Server);
        Host.Docker("network", "rm", _network);
        GC.SuppressFinalize(this);
    }

    /// <summary>The client's own address.</summary>
    protected string ClientAddress(bool v6 = false) => Host.AddressOf(Client, _network, v6);

    /// <summary>Has the policy of containers labelled l7=api allow those labelled l7=web what a list of http rules says.</summary>
    internal static void Apply(DockerHost host, string http, int port = 80)
    {
        string rules = string.Join('\n', http.Split('\n').Select(line => "              " + line));
        host.Apply("l7.yaml", $"""
            - endpointSelector: {"{"}matchLabels: {"{"}l7: api{"}}"}
              ingress:
                - fromEndpoints: [{"{"}matchLabels: {"{"}l7: web{"}}"}]
                  toPorts:
                    - ports: [{"{"}port: "{port}", protocol: TCP{"}"}]
                      rules:
                        http:
            {rules}
            """);
    }

    protected void Apply(string http, int port = 80) => Apply(Host, http, port);

    protected string Curl(params string[] arguments) => Host.InNetworkOf(Client, ["curl", "-sS", "--connect-timeout", "3", "-m", "20", .. arguments]).All;

    /// <summary>Sends bytes as they are, by Tools/raw_client.py.</summary>
    protected string Send(string bytes, int port = 0, int piece = 0, bool half = false, bool v6 = false) => Host.Sandbox.Run(
        ["nsenter", "-t", Host.PidOf(Client), "-n", "python3", Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/raw_client.py"), v6 ? Address6 : Address, "80", $"{port}", $"{piece}", half ? "half" : "open"],
        input: bytes).All;
}
