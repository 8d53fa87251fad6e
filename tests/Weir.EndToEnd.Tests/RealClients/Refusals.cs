// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.WebSockets;
using Grpc.Core;

namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>Every client, refused: a client that asks many things must hear it of each, also of one whose body is large.</summary>
internal static class Refusals
{
    private const string Body = "Access denied";

    internal static IReadOnlyDictionary<string, Refusal> All { get; } =
        ((Refusal[])[.. Http1(), .. Http2(), .. ByTunnel(), .. Calls(), .. Streams(), .. Programs()]).ToDictionary(refusal => refusal.Client);

    private static IEnumerable<Refusal> Http1()
    {
        foreach ((string client, string[] command) in Scenarios.Clients)
        {
            (string shows, string says) = client switch
            {
                "curl" or "go" => ("HTTP/1.1 403 Forbidden\n", Body),
                "wget" => ("ERROR 403: Forbidden.", "Content-Length: 14"),
                "requests" => ("403 Forbidden after []", Body),
                "httpx" => ("HTTP/1.1 403 after []", Body),
                "aiohttp" => ("HttpVersion(major=1, minor=1) 403 Forbidden", Body),
                "node" => ("403 Forbidden", Body),
                "fetch" => ("403 Forbidden false", Body),
                "java" => ("HTTP_1_1 403", Body),
                _ => ("\n403\n", Body),
            };
            yield return new Refusal(client, shows, says, Scenarios.Fill(command, "http://{A}:8001"));
        }

        yield return new Refusal(".NET", lab => DotNetClient.Ask(lab, Way.Refused, 8001, HttpVersion.Version11), "1.1 403 Forbidden");
    }

    private static IEnumerable<Refusal> Http2()
    {
        const string Url = "http://{A}:8002";
        yield return new Refusal("curl by HTTP/2", "HTTP/2 403", Body, $"{Scenarios.Tools}/client.sh", Url, "curl", "--http2-prior-knowledge");
        // It leaves the proxy no window of the connection, which the text would take.
        yield return new Refusal("node by HTTP/2", "\n403\n", "content-length: 0", "node", $"{Scenarios.Tools}/client.js", "http2", Url);
        yield return new Refusal("go by HTTP/2", "HTTP/2.0 403 Forbidden", Body, "/run/lab/go", "http2", Url);
        yield return new Refusal(".NET by HTTP/2", lab => DotNetClient.Ask(lab, Way.Refused, 8002, HttpVersion.Version20), "2.0 403");
    }

    private static IEnumerable<Refusal> ByTunnel()
    {
        const string Url = "https://{A}";
        string[] asksOnce = ["env", "LAB_PATHS=/show", "https_proxy=http://{A}:8006"];
        yield return new Refusal(
            "curl by a tunnel", "HTTP/1.1 403 Forbidden", "CONNECT tunnel failed, response 403", [.. asksOnce, $"{Scenarios.Tools}/client.sh", Url, "curl"]);
        yield return new Refusal("requests by a tunnel", "ProxyError", "ProxyError", [.. asksOnce, Scenarios.Python, $"{Scenarios.Tools}/client.py", "requests", Url]);
        yield return new Refusal(
            "urlconnection by a tunnel",
            "Unable to tunnel through proxy.",
            "Proxy returns \"HTTP/1.1 403 Forbidden\"",
            [.. asksOnce, .. Scenarios.Jvm, "-Dhttps.proxyHost={A}", "-Dhttps.proxyPort=8006", "-Dhttp.nonProxyHosts=", "Client", "urlconnection", Url]);
    }

    private static IEnumerable<Refusal> Calls()
    {
        yield return new Refusal("gRPC of C", "StatusCode.PERMISSION_DENIED", "403", Scenarios.Python, $"{Scenarios.Tools}/grpc_core.py", "ask", "{A}:8009");
        yield return new Refusal("gRPC of .NET", lab => Failure<RpcException>(() => DotNetClient.Call(lab, Way.Refused, 8015)), "PermissionDenied", "HTTP status code: 403");
    }

    private static IEnumerable<Refusal> Streams()
    {
        const string Url = "ws://{A}:8008/chat";
        string chat = $"{Scenarios.Tools}/chat.py";
        yield return new Refusal("websockets' chat", "server rejected WebSocket connection", "HTTP 403", Scenarios.Python, chat, "websockets", Url);
        yield return new Refusal("aiohttp's chat", "WSServerHandshakeError", "403, message='Invalid response status'", Scenarios.Python, chat, "aiohttp", Url);
        yield return new Refusal("java's chat", "WebSocketHandshakeException", "", [.. Scenarios.Jvm, "Client", "websocket", Url]);
        yield return new Refusal(".NET's chat", lab => Failure<WebSocketException>(() => DotNetClient.Chat(lab, Way.Refused, Url)), "status code '403'", "");
        yield return new Refusal("events", "HTTP Error 403: Forbidden", "", Scenarios.Python, chat, "events", "http://{A}:8010");
    }

    private static IEnumerable<Refusal> Programs()
    {
        (string Name, string Shows, string Says)[] programs =
        [
            ("git", "The requested URL returned error: 403", ""),
            ("apt", "403  Forbidden", ""),
            // pip shows no status of an index.
            ("pip_squid", "No matching distribution found for lab_nothing", ""),
            ("registry_skopeo", "403", ""),
            ("registry_docker", "HTTP 403", Body),
            ("docker", Body, ""),
        ];
        return programs.Select(program =>
            new Refusal(program.Name.Replace('_', ' '), lab => Scenarios.Program(lab, Way.Refused, program.Name), program.Shows, program.Says));
    }

    /// <summary>The words of the exception that a client throws.</summary>
    private static string Failure<TException>(Func<string> ask)
        where TException : Exception
    {
        try
        {
            return ask();
        }
        catch (TException e)
        {
            return e.ToString();
        }
    }
}
