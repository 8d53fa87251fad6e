// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>All pairs of clients and servers.</summary>
internal static class Scenarios
{
    internal const string Tools = "/run/lab/tools";
    internal const string Python = "/usr/bin/python3";

    internal static readonly string[] Jvm = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "/run/lab/java"];

    private static readonly (string Name, int Port)[] _servers =
        [("nginx", 8001), ("apache", 8003), ("haproxy", 8004), ("aiohttp", 8008), ("node", 8010), ("go", 8011), ("kestrel", 8012)];

    private static readonly (string Name, int Port)[] _http2Servers = [("nginx", 8002), ("apache", 8003), ("haproxy", 8005), ("kestrel", 8015), ("node", 8016), ("go", 8018)];

    /// <summary>Clients that are commands; {U} is the URL they ask.</summary>
    internal static readonly IReadOnlyList<(string Name, string[] Command)> Clients =
    [
        ("curl", [$"{Tools}/client.sh", "{U}", "curl"]),
        ("wget", [$"{Tools}/client.sh", "{U}", "wget"]),
        ("urllib", [Python, $"{Tools}/client.py", "urllib", "{U}"]),
        ("requests", [Python, $"{Tools}/client.py", "requests", "{U}"]),
        ("httpx", [Python, $"{Tools}/client.py", "httpx", "{U}"]),
        ("aiohttp", [Python, $"{Tools}/client.py", "aiohttp", "{U}"]),
        ("node", ["node", $"{Tools}/client.js", "http", "{U}"]),
        ("fetch", ["node", $"{Tools}/client.js", "fetch", "{U}"]),
        ("java", [.. Jvm, "Client", "http", "{U}"]),
        ("urlconnection", [.. Jvm, "Client", "urlconnection", "{U}"]),
        ("go", ["/run/lab/go", "http", "{U}"]),
    ];

    internal static IReadOnlyDictionary<string, Scenario> All { get; } =
        ((Scenario[])[.. Http1(), .. Http2(), .. OddAnswers(), .. BySquid(), .. Calls(), .. Streams(), .. Programs()]).ToDictionary(scenario => scenario.Name);

    internal static string[] Fill(string[] command, string url) => [.. command.Select(word => word.Replace("{U}", url, StringComparison.Ordinal))];

    private static IEnumerable<Scenario> Http1()
    {
        foreach ((string server, int port) in _servers)
        {
            // A JVM takes a second: one of its clients is enough for some.
            foreach ((string client, string[] command) in Clients.Where(client => client.Name != "urlconnection" || server is "nginx" or "apache" or "go"))
            {
                yield return new Scenario($"{client} at {server}", "200", Fill(command, $"http://{{A}}:{port}"));
            }

            yield return new Scenario($".NET at {server}", (lab, way) => DotNetClient.Ask(lab, way, port, HttpVersion.Version11), "1.1 200 OK");
        }
    }

    private static IEnumerable<Scenario> Http2()
    {
        foreach ((string server, int port) in _http2Servers)
        {
            yield return new Scenario($"curl by HTTP/2 at {server}", "HTTP/2 200", $"{Tools}/client.sh", $"http://{{A}}:{port}", "curl", "--http2-prior-knowledge");
            yield return new Scenario($"node by HTTP/2 at {server}", "\n200\n", "node", $"{Tools}/client.js", "http2", $"http://{{A}}:{port}");
            yield return new Scenario($"go by HTTP/2 at {server}", "HTTP/2.0 200", "/run/lab/go", "http2", $"http://{{A}}:{port}");
            yield return new Scenario($".NET by HTTP/2 at {server}", (lab, way) => DotNetClient.Ask(lab, way, port, HttpVersion.Version20), "2.0 200");
        }

        foreach ((string server, int port) in _servers)
        {
            yield return new Scenario($"curl offering HTTP/2 to {server}", "200", $"{Tools}/client.sh", $"http://{{A}}:{port}", "curl", "--http2");
        }
    }

    private static IEnumerable<Scenario> OddAnswers()
    {
        foreach ((string client, string[] command) in Clients.Where(client => client.Name is "curl" or "requests" or "node" or "java" or "urlconnection" or "go"))
        {
            // urlconnection waits for more behind these until the server goes, as it does behind some that are left.
            string without = client == "urlconnection" ? "processing length-list" : "";
            string words = string.Join(' ', Fill(command, "http://{A}:8013"));
            yield return new Scenario($"{client} and odd answers", "hello", "bash", "-c", $"export LAB_PATHS=$({Python} {Tools}/odd.py paths {without}); exec {words}");
        }
    }

    private static IEnumerable<Scenario> BySquid()
    {
        const string Proxy = "http://{A}:8006";
        string[] java =
        [
            .. Jvm, "-Dhttp.proxyHost={A}", "-Dhttp.proxyPort=8006", "-Dhttps.proxyHost={A}", "-Dhttps.proxyPort=8006", "-Dhttp.nonProxyHosts=",
            "-Djavax.net.ssl.trustStore=/run/lab/trust.p12", "-Djavax.net.ssl.trustStorePassword=secret", "Client"
        ];
        foreach (string url in (string[])["http://{A}", "https://{A}"])
        {
            string name = url.Replace("{A}", "nginx", StringComparison.Ordinal);
            // The others take no proxy from their environment.
            foreach ((string client, string[] command) in Clients.Where(client => client.Name is "curl" or "wget" or "urllib" or "requests" or "httpx" or "go"))
            {
                yield return new Scenario($"{client} by squid at {name}", "200", ["env", $"http_proxy={Proxy}", $"https_proxy={Proxy}", .. Fill(command, url)]);
            }

            yield return new Scenario($"java by squid at {name}", "200", [.. java, "http", url]);
            yield return new Scenario($"urlconnection by squid at {name}", "200", [.. java, "urlconnection", url]);
        }

        yield return new Scenario("curl by squid with a tunnel", "200", $"{Tools}/client.sh", "http://{A}:8001", "curl", "-p", "-x", Proxy);
        yield return new Scenario("curl by squid in HTTP/1.0", "200", $"{Tools}/client.sh", "http://{A}", "curl", "--proxy1.0", "{A}:8006", "-p");
        yield return new Scenario("curl in HTTP/1.0 by squid", "200", $"{Tools}/client.sh", "http://{A}", "curl", "-0", "-x", Proxy);
    }

    private static IEnumerable<Scenario> Calls()
    {
        foreach ((string server, int port) in ((string, int)[])[("C", 8009), (".NET", 8015)])
        {
            yield return new Scenario($"gRPC of C to {server}", "StatusCode.NOT_FOUND", Python, $"{Tools}/grpc_core.py", "ask", $"{{A}}:{port}");
            yield return new Scenario($"gRPC of .NET to {server}", (lab, way) => DotNetClient.Call(lab, way, port), "NotFound no word");
        }
    }

    private static IEnumerable<Scenario> Streams()
    {
        foreach ((string server, string url, int close) in ((string, string, int)[])[("aiohttp", "ws://{A}:8008/chat", 1000), ("websockets", "ws://{A}:8017/chat", 4000)])
        {
            yield return new Scenario($"websockets' chat with {server}", $"\n{close} ", Python, $"{Tools}/chat.py", "websockets", url);
            yield return new Scenario($"aiohttp's chat with {server}", $"\n{close} ", Python, $"{Tools}/chat.py", "aiohttp", url);
            yield return new Scenario($"java's chat with {server}", "200000 ", [.. Jvm, "Client", "websocket", url]);
            yield return new Scenario($".NET's chat with {server}", (lab, way) => DotNetClient.Chat(lab, way, url), "Closed NormalClosure");
        }

        yield return new Scenario("events of node", "event 4", Python, $"{Tools}/chat.py", "events", "http://{A}:8010");
        yield return new Scenario("events of node by nginx", "event 4", Python, $"{Tools}/chat.py", "events", "http://{A}:8001/unbuffered");
        string[] load = ["curl", "-sS", "-m", "30", "-o", "/dev/null", "-w", "%{http_code} %{size_download}\n"];
        yield return new Scenario("50 MB of nginx", "200 50000000", [.. load, "http://{A}:8001/large"]);
        yield return new Scenario("50 MB of nginx by HTTP/2", "200 50000000", [.. load, "--http2-prior-knowledge", "http://{A}:8002/large"]);
        yield return new Scenario("50 MB to nginx", "201 50000000", "bash", "-c", "curl -sS -m 30 -T /run/lab/www/large -w '%{http_code} %{size_upload}\\n' http://{A}:8001/dav/large-$$");
    }

    internal static string Program(Lab lab, Way way, string name) => lab.Run(way, $"{Tools}/tools.sh", name, "{A}", $"{LabServers.RegistryPort(way)}");

    private static IEnumerable<Scenario> Programs()
    {
        (string Name, string Expect)[] programs =
        [
            ("git", "second"), ("apt", "lab-nothing_1.0"), ("apt_squid", "lab-nothing_1.0"), ("pip_squid", "lab_nothing-1.0"),
            ("registry_curl", "206 100"), ("registry_skopeo", "manifest.json"), ("registry_docker", "the same"), ("docker", "heard hello"),
        ];
        return programs.Select(program => new Scenario(program.Name.Replace('_', ' '), (lab, way) => Program(lab, way, program.Name), program.Expect));
    }
}
