// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>
/// Three containers on a host, policy, published ports, a service, a tenant's network namespace, and every way
/// between them and the world: each tried in both directions of policy, over TCP, UDP, ICMP and HTTP, in both families.
/// "a" and "b" share a network; "c" is on another; all that b lets in is 80 (with HTTP rules), 9000 and 5000. Policy
/// opens b to the world; nothing opens c, whose published port is for this host alone.
/// </summary>
internal sealed class Doors : IDisposable
{
    private const string Vip = "203.0.113.10";
    private const string Vip6 = "2001:db8:113::10";
    private const string TenantNetwork = "192.0.2";
    private static readonly string _tool = Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/doors.py");

    private readonly DockerHost _host;
    private readonly HostShape _shape;
    private readonly Dictionary<string, string> _containers = [];
    private readonly Dictionary<string, string> _networks = [];
    private readonly Dictionary<(string Container, bool V6), string> _addresses = [];
    private readonly List<BackgroundCommand> _servers = [];

    internal Doors(DockerHost host, HostShape shape)
    {
        _host = host;
        _shape = shape;
        foreach (string name in (string[])["near", "far"])
        {
            _networks[name] = shape.HasIpv6 ? host.MakeNetwork() : host.MakeNetwork("--no-ipv6");
        }

        _containers["a"] = host.RunClient("a", _networks["near"], "-l", "door=a");
        _containers["b"] = host.RunClient("b", _networks["near"], "-l", "door=b", "-p", "8080:80", "-p", "8090:9000", "-p", "8091:9001", "-p", "8050:5000/udp");
        _containers["c"] = host.RunClient("c", _networks["far"], "-l", "door=c", "-p", "8060:9000");
        foreach (string container in _containers.Values)
        {
            _servers.Add(host.Sandbox.Start("nsenter", "-t", host.PidOf(container), "-n", "python3", _tool, "serve"));
        }

        host.Sandbox.Shell("pkill -f 'httpd -p 80 -h /run/world'"); // the world's server of other tests
        _servers.Add(host.Sandbox.StartElsewhere("world", "python3", _tool, "serve"));
        MakeTenant();
        RouteWorld();
        host.Apply("doors.yaml", Policy);
        MakeServices();
        _servers.ForEach(server => server.WaitFor("serving", 20 * host.Sandbox.Patience));
    }

    /// <summary>Leads the world here, whose routes go with the device that they lead out by.</summary>
    internal void RouteWorld()
    {
        RouteWorldToServices();
        RouteWorldToContainers();
    }

    /// <summary>Ends and starts the container whose place is "a".</summary>
    internal void RestartClient() => _host.Docker("restart", "-t", "0", _containers["a"]);

    /// <summary>Tries every door at once.</summary>
    /// <returns>A line for each that is not as it shall be; empty: all are.</returns>
    internal string Try()
    {
        Door[] doors = [.. All()];
        var outcomes = new Dictionary<string, string>();
        Parallel.ForEach(doors.GroupBy(door => door.From), place =>
        {
            Dictionary<string, string> found = TryFrom(place.Key, [.. place]);
            lock (outcomes)
            {
                foreach ((string name, string outcome) in found)
                {
                    outcomes[name] = outcome;
                }
            }
        });
        var wrong = new StringBuilder();
        foreach (Door door in doors.Where(door => !door.IsAsExpected(outcomes[door.Name])))
        {
            wrong.AppendLine(CultureInfo.InvariantCulture, $"{door.Name}: {outcomes[door.Name]}, expected {door.Expect}");
        }

        return wrong.ToString();
    }

    public void Dispose() => _servers.ForEach(server => server.Dispose());

    private Dictionary<string, string> TryFrom(string place, Door[] doors)
    {
        string json = JsonSerializer.Serialize(doors.Select(door => new
        {
            name = door.Name, protocol = door.Protocol, address = door.Address, port = door.Port, path = door.Path, expect = door.Expect,
        }));
        string[] command = ["python3", _tool, "try", json, _host.Sandbox.Patience.ToString(CultureInfo.InvariantCulture)];
        CommandResult result = place switch
        {
            "world" => _host.Sandbox.RunElsewhere("world", command),
            "host" => _host.Sandbox.Run(command),
            "tenant" => _host.Sandbox.Run(["ip", "netns", "exec", "tenant", .. command]),
            _ => _host.InNetworkOf(_containers[place], command),
        };
        return JsonSerializer.Deserialize<Dictionary<string, string>>(result.OrFail().Output)!;
    }

    private IEnumerable<Door> All() => (_shape.HasIpv6 ? (bool[])[false, true] : [false]).SelectMany(OfFamily);

    private IEnumerable<Door> OfFamily(bool v6)
    {
        string b = AddressOf("b", v6);
        string c = AddressOf("c", v6);
        string host = v6 ? DockerHost.HostAddress6 : DockerHost.HostAddress;
        string world = v6 ? DockerHost.WorldAddress6 : DockerHost.WorldAddress;
        IEnumerable<Door> doors =
        [
            .. ByPolicy("a", "b", b),
            .. Shut("a", "c", c),
            .. Shut("c", "b", b),
            .. ByPolicy("host", "b", b),
            .. Published("host", host),
            .. Published("host", v6 ? "::1" : "127.0.0.1"),
            .. Published("a", host),
            .. Published("world", host),
            .. Services("host", v6 ? Vip6 : Vip),
            .. Services("a", v6 ? Vip6 : Vip),
            .. Services("world", v6 ? Vip6 : Vip),
            .. Shut("world", "c", c),
            new("host", "published c", "tcp", host, 8060, "", "open"),
            new("world", "published c", "tcp", host, 8060, "", "closed"),
            .. ByPolicy("a", "world", world),
            new("c", "world", "tcp", world, 9001, "", "open"),
            new("c", "world", "udp", world, 5001, "", "open"),
            new("c", "world", "ping", world, 0, "", "open"),
        ];
        return v6 ? doors : doors.Concat(Published("tenant", host)).Concat(_shape.SecondAddress is { } second ? Published("world", second) : []);
    }

    /// <summary>What <see cref="Policy"/> says of b, and of what a may do in the world.</summary>
    private static IEnumerable<Door> ByPolicy(string from, string to, string address) =>
    [
        new(from, to, "http", address, 80, "/ok", "200"),
        new(from, to, "http", address, 80, "/no", "403"),
        new(from, to, "tcp", address, 9000, "", "open"),
        new(from, to, "tcp", address, 9001, "", "closed"),
        new(from, to, "udp", address, 5000, "", "open"),
        new(from, to, "udp", address, 5001, "", "closed"),
        new(from, to, "ping", address, 0, "", "open"),
    ];

    private static IEnumerable<Door> Shut(string from, string to, string address) =>
    [
        new(from, to, "http", address, 80, "/ok", "closed"),
        new(from, to, "tcp", address, 9000, "", "closed"),
        new(from, to, "udp", address, 5000, "", "closed"),
        new(from, to, "ping", address, 0, "", "closed"),
    ];

    private static IEnumerable<Door> Published(string from, string address) =>
    [
        new(from, "published", "http", address, 8080, "/ok", "200"),
        new(from, "published", "http", address, 8080, "/no", "403"),
        new(from, "published", "tcp", address, 8090, "", "open"),
        new(from, "published", "tcp", address, 8091, "", "closed"),
        new(from, "published", "udp", address, 8050, "", "open"),
    ];

    private static IEnumerable<Door> Services(string from, string address) =>
    [
        new(from, "service", "http", address, 80, "/ok", "200"),
        new(from, "service", "http", address, 80, "/no", "403"),
        new(from, "service", "tcp", address, 9000, "", "open"),
        new(from, "service", "tcp", address, 9001, "", "closed"),
        new(from, "service", "udp", address, 5000, "", "open"),
    ];

    private const string Policy = """
        - endpointSelector: {matchLabels: {door: b}}
          ingress:
            - fromEndpoints: [{matchLabels: {door: a}}]
              toPorts: &ports
                - ports: [{port: "9000", protocol: TCP}, {port: "5000", protocol: UDP}]
                - ports: [{port: "80", protocol: TCP}]
                  rules: {http: [{method: GET, path: /ok}]}
            - fromEntities: [host, world]
              toPorts: *ports
            - fromEndpoints: [{matchLabels: {door: a}}]
              icmps: &echo [{fields: [{family: IPv4, type: 8}, {family: IPv6, type: 128}]}]
            - fromEntities: [host]
              icmps: *echo
        - endpointSelector: {matchLabels: {door: a}}
          egress:
            - toEndpoints: [{matchLabels: {door: b}}]
            - toEntities: [world]
              toPorts: *ports
            - toEntities: [world]
              icmps: *echo
        """;

    /// <summary>A network namespace of somebody else on this host, which reaches nothing but the host's own address.</summary>
    private void MakeTenant() => _host.Sandbox.Shell($"""
        ip netns add tenant
        ip link add tenant0 type veth peer name up0 netns tenant
        ip address add {TenantNetwork}.1/24 dev tenant0
        ip link set tenant0 up
        ip -n tenant address add {TenantNetwork}.2/24 dev up0
        ip -n tenant link set up0 up
        ip -n tenant link set lo up
        ip -n tenant route add {DockerHost.HostAddress} via {TenantNetwork}.1
        """);

    private void RouteWorldToServices()
    {
        if (_shape.HasIpv6)
        {
            _host.RouteWorldTo("203.0.113.0/24", "2001:db8:113::/48");
            return;
        }

        _host.Sandbox.Shell($"ip -n world route replace 203.0.113.0/24 via {DockerHost.HostAddress}; ip route replace blackhole 203.0.113.0/24");
    }

    private void RouteWorldToContainers()
    {
        IEnumerable<string> routes = _containers.Keys.SelectMany(container => (string[])[
            $"route replace {AddressOf(container, v6: false)} via {DockerHost.HostAddress}",
            .. _shape.HasIpv6 ? [$"-6 route replace {AddressOf(container, v6: true)} via {DockerHost.HostAddress6}"] : Array.Empty<string>()]);
        _host.Sandbox.Shell(string.Join('\n', routes.Select(route => "ip -n world " + route)));
    }

    private void MakeServices()
    {
        var file = new StringBuilder("services:\n");
        foreach ((int port, string protocol) in ((int, string)[])[(80, "tcp"), (9000, "tcp"), (9001, "tcp"), (5000, "udp")])
        {
            string second = _shape.HasIpv6 ? $", \"[{Vip6}]:{port}/{protocol}\"" : "";
            file.AppendLine(CultureInfo.InvariantCulture, $"  - {{name: door-{port}, frontends: [\"{Vip}:{port}/{protocol}\"{second}], selector: {{matchLabels: {{door: b}}}}, targetPort: {port}}}");
        }

        _host.Sandbox.WriteFile("/run/doors-services.yaml", file.ToString());
        _host.Weir("service", "apply", "-f", "/run/doors-services.yaml").OrFail();
    }

    private string AddressOf(string container, bool v6)
    {
        if (!_addresses.TryGetValue((container, v6), out string? address))
        {
            address = _host.AddressOf(_containers[container], _networks[container == "c" ? "far" : "near"], v6);
            _addresses[(container, v6)] = address;
        }

        return address;
    }
}
