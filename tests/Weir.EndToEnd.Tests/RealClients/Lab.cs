// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Tests.Machine;

namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>A client for each <see cref="Way"/>, and one container in which all servers of <see cref="LabServers"/> listen. Tools are the host's: the containers give their networks.</summary>
public sealed partial class Lab : IDisposable
{
    /// <summary>A client that takes longer hangs.</summary>
    private const int Seconds = 40;

    private readonly string _network;
    private readonly Dictionary<Way, string> _clients = [];
    private readonly Dictionary<Way, Regex> _addresses = [];
    private readonly Dictionary<string, string> _pids = [];
    private readonly LabServers? _servers;
    private long _judged;

    public Lab(DockerHost host)
    {
        Host = host;
        _network = host.MakeNetwork("--no-ipv6");
        _clients[Way.Directly] = host.RunClient("plain", _network, "-l", "lab=plain");
        _clients[Way.ThroughWeir] = host.RunClient("judged", _network, "-l", "lab=judged");
        _clients[Way.Refused] = host.RunClient("refused", _network, "-l", "lab=refused");
        Server = host.RunClient("servers", _network, "-l", "lab=servers");
        Address = host.AddressOf(Server, _network);
        foreach ((Way way, string client) in _clients)
        {
            _addresses[way] = new Regex($@"\b{Regex.Escape(host.AddressOf(client, _network))}(:\d+)?\b");
        }

        foreach (string container in (string[])[.. _clients.Values, Server])
        {
            _pids[container] = host.PidOf(container);
        }

        string ports = string.Join(", ", LabServers.HttpPorts.Select(port => $"{{port: \"{port}\", protocol: TCP}}"));
        host.Apply("lab.yaml", $$$"""
            - endpointSelector: {matchLabels: {lab: servers}}
              ingress:
                - fromEndpoints: [{matchLabels: {lab: plain}}]
                - fromEndpoints: [{matchLabels: {lab: judged}}]
                  toPorts:
                    - ports: [{{{ports}}}]
                      rules: {http: [{}]}
                    - ports: [{port: "443", protocol: TCP}]
                - fromEndpoints: [{matchLabels: {lab: refused}}]
                  toPorts:
                    - ports: [{{{ports}}}]
                      rules: {http: [{path: /of-nobody}]}
            """);
        try
        {
            _servers = new LabServers(this);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public DockerHost Host { get; }

    /// <summary>The container of the servers.</summary>
    public string Server { get; }

    /// <summary>Its address.</summary>
    public string Address { get; }

    /// <summary>The client's container.</summary>
    public string Client(Way way) => _clients[way];

    /// <summary>Runs a command in the client's network, and returns all it printed, made comparable.</summary>
    public string Run(Way way, params string[] command)
    {
        CommandResult result = Host.Sandbox.Run(InNetworkOf(Client(way), ["timeout", $"{Seconds}", .. command]), seconds: Seconds + 20);
        return Comparable(way, $"{result.Output}{result.Error}exit code {result.ExitCode}\n");
    }

    /// <summary>Whether the proxy has judged requests since this was last asked.</summary>
    public bool HasJudgedMore()
    {
        long before = _judged;
        _judged = Requests().Matches(Host.Weir("metrics", "--prometheus").OrFail().Output)
            .Sum(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        return _judged > before;
    }

    public void Dispose()
    {
        _servers?.Dispose();
        Host.DeletePolicies();
        Host.Remove([.. _clients.Values, Server]);
        Host.Docker("network", "rm", _network);
    }

    /// <summary>A command in a container's network, with nothing of the caller's environment.</summary>
    internal string[] InNetworkOf(string container, params string[] command) =>
    [
        "nsenter", "-t", _pids[container], "-n",
        "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/run/lab/home", "LANG=C.UTF-8",
        "SSL_CERT_FILE=/run/lab/cert.pem", "CURL_CA_BUNDLE=/run/lab/cert.pem", "REQUESTS_CA_BUNDLE=/run/lab/cert.pem",
        .. command.Select(word => word.Replace("{A}", Address, StringComparison.Ordinal))
    ];

    /// <summary>Without what differs from run to run: the client's address and port, the time.</summary>
    internal string Comparable(Way way, string text) => Moments().Replace(_addresses[way].Replace(text, "CLIENT"), "MOMENT");

    [GeneratedRegex(@"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")]
    private static partial Regex Moments();

    [GeneratedRegex("weir_http_requests_total{[^}]*} ([0-9]+)")]
    private static partial Regex Requests();
}
