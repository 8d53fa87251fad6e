// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using System.Text.Json;
using Weir.Api;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>
/// Containers on three networks, a host with addresses of every sort, the world, published ports and services: every
/// way between them is put to "explain" and to packets.
/// </summary>
/// <remarks>"a" and "b" share a network, "c" is on another, "i" on an internal one. b publishes 9000 as 8090, to this host
/// and its containers, and as 8091 to everybody; c publishes 9000 as 8092. b has an address beside its own.</remarks>
internal sealed class Crossroads : IDisposable
{
    /// <summary>The host takes all of this range for its own; no interface has an address of it.</summary>
    internal const string AnyRange = "192.0.2.0/28";

    private const string Further = "10.77.0.100";
    private const string Vip = "203.0.113.10";
    private const string Vip6 = "2001:db8:113::10";
    private static readonly string _tool = Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/doors.py");

    private readonly DockerHost _host;
    private readonly Dictionary<string, string> _networks = [];
    private readonly Dictionary<string, string> _containers = [];
    private readonly List<BackgroundCommand> _servers = [];
    private readonly ExplainQuestions _questions;

    internal Crossroads(DockerHost host)
    {
        _host = host;
        _networks["near"] = host.MakeNetwork("--subnet", "10.77.0.0/24", "--ipv6", "--subnet", "fd00:77::/64");
        _networks["far"] = host.MakeNetwork();
        _networks["inner"] = host.MakeNetwork("--internal");
        Run("a", "near");
        Run("b", "near", "-p", "8090:9000", "-p", "8091:9000", "-l", "weir.publish=8091:world", "-l", $"weir.addresses={Further}");
        Run("c", "far", "-p", "8092:9000");
        Run("i", "inner");
        host.InNetworkOf(_containers["b"], "ip", "address", "add", $"{Further}/32", "dev", "eth0").OrFail();
        host.Sandbox.Shell($"""
            ip address add 198.51.100.77/32 dev world0
            ip route add local {AnyRange} dev lo
            ip -n world route add 192.0.2.0/24 via {DockerHost.HostAddress}
            """);
        host.Sandbox.Shell("pkill -f '[h]ttpd -p 80 -h /run/world'"); // the world's server of other tests
        RouteWorldToContainers();
        host.RouteWorldTo("203.0.113.0/24", "2001:db8:113::/48");
        foreach (string container in _containers.Values)
        {
            _servers.Add(host.Sandbox.Start("nsenter", "-t", host.PidOf(container), "-n", "python3", _tool, "serve"));
        }

        _servers.Add(host.Sandbox.Start("python3", _tool, "serve"));
        _servers.Add(host.Sandbox.StartElsewhere("world", "python3", _tool, "serve"));
        MakeServices();
        _servers.ForEach(server => server.WaitFor("serving", 20));
        _questions = new ExplainQuestions(host);
    }

    internal string Name(string place) => _containers[place];

    /// <summary>Asks both about every way.</summary>
    /// <returns>A line for each on which they differ; empty: they agree.</returns>
    internal string Compare(string policy)
    {
        List<(Door Door, string Why)> doors = [.. Ways().Select(Explain)];
        var outcomes = new Dictionary<string, string>();
        Parallel.ForEach(doors.GroupBy(door => door.Door.From), place =>
        {
            Dictionary<string, string> found = TryFrom(place.Key, [.. place.Select(door => door.Door)]);
            lock (outcomes)
            {
                foreach ((string name, string outcome) in found)
                {
                    outcomes[name] = outcome;
                }
            }
        });
        var differences = new StringBuilder();
        foreach ((Door door, string why) in doors.Where(door => !door.Door.IsAsExpected(outcomes[door.Door.Name])))
        {
            differences.AppendLine(CultureInfo.InvariantCulture, $"{policy}: {door.Name}: packets say {outcomes[door.Name]}, explain says {door.Expect}: {why}");
        }

        return differences.ToString();
    }

    /// <summary>Whether datagrams of a container to an address arrive at the host: answers to a broadcast come from another
    /// address, so that only arrival tells.</summary>
    internal bool Arrives(string place, string address, int port)
    {
        string mark = Guid.NewGuid().ToString("N");
        using BackgroundCommand listener = _host.Sandbox.Start("python3", "-u", "-c", $$"""
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.bind(("", {{port}}))
            print("ready")
            while True:
                print(s.recv(100).decode())
            """);
        listener.WaitFor("ready", 10);
        for (int i = 0; i < 3 && !listener.Output.Contains(mark, StringComparison.Ordinal); i++)
        {
            _host.InNetworkOf(_containers[place], "python3", "-c", $"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1); s.sendto(b'{mark}\\n', ('{address}', {port}))");
            Thread.Sleep(300);
        }

        return listener.Output.Contains(mark, StringComparison.Ordinal);
    }

    internal ExplainPolicyResponse Ask(string place, string to, string port) => _questions.Ask(NameOf(place, to.Contains(':', StringComparison.Ordinal)), to, port);

    public void Dispose()
    {
        _questions?.Dispose();
        _servers.ForEach(server => server.Dispose());
    }

    private void Run(string place, string network, params string[] flags) =>
        _containers[place] = _host.RunClient(place, _networks[network], ["-l", $"at={place}", .. flags]);

    private string AddressOf(string place, bool v6) => _host.AddressOf(_containers[place], _networks[place switch { "c" => "far", "i" => "inner", _ => "near" }], v6);

    private string NameOf(string place, bool v6) => place switch
    {
        "world" => v6 ? DockerHost.WorldAddress6 : DockerHost.WorldAddress,
        "host" => "host",
        _ => _containers[place],
    };

    private (Door Door, string Why) Explain(Door way)
    {
        bool v6 = way.Address.Contains(':', StringComparison.Ordinal);
        string port = way.Protocol == "ping" ? v6 ? "icmpv6:128" : "icmp:8" : $"{way.Port}/{way.Protocol}";
        ExplainPolicyResponse answer = _questions.Ask(NameOf(way.From, v6), way.Address, port);
        string why = $"{answer.Service} {answer.Egress?.Text}; {answer.Ingress?.Text}; {answer.Obstacle}";
        return (way with { Expect = answer.Allowed ? "open" : "closed" }, why);
    }

    private Dictionary<string, string> TryFrom(string place, Door[] doors)
    {
        string json = JsonSerializer.Serialize(doors.Select(door => new
        {
            name = door.Name, protocol = door.Protocol, address = door.Address, port = door.Port, path = door.Path, expect = door.Expect,
        }));
        string[] command = ["python3", _tool, "try", json, "1"];
        CommandResult result = place switch
        {
            "world" => _host.Sandbox.RunElsewhere("world", command),
            "host" => _host.Sandbox.Run(command),
            _ => _host.InNetworkOf(_containers[place], command),
        };
        return JsonSerializer.Deserialize<Dictionary<string, string>>(result.OrFail().Output)!;
    }

    private IEnumerable<Door> Ways() => ((bool[])[false, true]).SelectMany(v6 => ((string[])["a", "b", "c", "i", "host", "world"]).SelectMany(from => WaysFrom(from, v6)));

    private IEnumerable<Door> WaysFrom(string from, bool v6)
    {
        string own = v6 ? DockerHost.HostAddress6 : DockerHost.HostAddress;
        foreach (string to in (string[])["a", "b", "c", "i"])
        {
            foreach (Door door in Straight(from, to, AddressOf(to, v6)))
            {
                yield return door;
            }
        }

        foreach (Door door in Straight(from, "world", v6 ? DockerHost.WorldAddress6 : DockerHost.WorldAddress).Concat(Straight(from, "host", own)))
        {
            yield return door;
        }

        foreach (string address in v6 ? (string[])["fd00:77::1", "::1"] : ["198.51.100.77", "192.0.2.5", "192.0.2.9", "10.77.0.1", "127.0.0.1"])
        {
            // What the world sends to a loopback address, or to a gateway that it has no route to, ends in itself.
            if (from != "world" || address.StartsWith("19", StringComparison.Ordinal))
            {
                yield return new Door(from, "host", "tcp", address, 9001, "", "");
            }
        }

        foreach (int port in (int[])[8090, 8091, 8092])
        {
            yield return new Door(from, "published", "tcp", own, port, "", "");
        }

        if (from == "host")
        {
            yield return new Door(from, "published", "tcp", v6 ? "::1" : "127.0.0.1", 8090, "", "");
        }

        string vip = v6 ? Vip6 : Vip;
        yield return new Door(from, "service b", "tcp", vip, 9000, "", "");
        if (from != "world")
        {
            // Else its one backend would be the client itself.
            yield return new Door(from, "service world", "tcp", vip, 9001, "", "");
        }

        yield return new Door(from, "service nobody", "tcp", vip, 9002, "", "");
        if (from is not "world" && !v6)
        {
            yield return new Door(from, "b's further address", "tcp", Further, 9000, "", "");
            yield return new Door(from, "nobody's address", "tcp", "10.77.0.200", 9000, "", "");
            yield return new Door(from, "broadcast of a network", "udp", "10.77.0.255", 5000, "", "");
        }
    }

    private static IEnumerable<Door> Straight(string from, string to, string address) =>
        from == to && to is "world" or "host" ? [] :
    [
        new(from, to, "tcp", address, 9000, "", ""),
        new(from, to, "ping", address, 0, "", ""),
        // The host's server answers from whatever address is nearest to the client: see Arrives.
        .. to == "host" ? [] : (Door[])[new(from, to, "udp", address, 5000, "", "")],
    ];

    private void RouteWorldToContainers()
    {
        IEnumerable<string> routes = _containers.Keys.SelectMany(container => (string[])[
            $"route add {AddressOf(container, v6: false)} via {DockerHost.HostAddress}",
            $"-6 route add {AddressOf(container, v6: true)} via {DockerHost.HostAddress6}"]);
        _host.Sandbox.Shell(string.Join('\n', routes.Select(route => "ip -n world " + route)));
    }

    private void MakeServices()
    {
        File.WriteAllText(_host.Sandbox.HostPath("/run/crossroads.yaml"), $"""
            services:
              - name: to-b
                frontends: ["{Vip}:9000/tcp", "[{Vip6}]:9000/tcp"]
                selector: {"{matchLabels: {at: b}}"}
                targetPort: 9000
              - name: to-world
                frontends: ["{Vip}:9001/tcp", "[{Vip6}]:9001/tcp"]
                backends: ["{DockerHost.WorldAddress}:9001", "[{DockerHost.WorldAddress6}]:9001"]
              - name: to-nobody
                frontends: ["{Vip}:9002/tcp", "[{Vip6}]:9002/tcp"]
                selector: {"{matchLabels: {at: nowhere}}"}
                targetPort: 9000
            """);
        _host.Weir("service", "apply", "-f", "/run/crossroads.yaml").OrFail();
    }
}
