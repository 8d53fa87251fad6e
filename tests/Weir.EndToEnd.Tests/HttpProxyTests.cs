// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What the proxy does for clients, what is explained of requests, and whose requests it judges in any case.</summary>
[Collection(OtherVerdictHost.Name)]
public sealed class HttpProxyTests(OtherVerdictMachine machine) : HttpBed(machine.Host)
{
    [PrivilegedFact]
    public void Explain_TellsOfARequest()
    {
        Apply("- {method: GET, path: /public}");
        CommandResult refused = Host.Weir("policy", "explain", "--from", "l7=web", "--to", "l7=api", "--port", "80/tcp", "--http", "PUT /public");
        Assert.Contains("denied", refused.Output, StringComparison.Ordinal);
        Assert.Matches("PUT /public is refused with 403: rule l7 at /.*/l7\\.yaml:1 allows only GET /public", refused.Output);
        CommandResult allowed = Host.Weir("policy", "explain", "--from", "l7=web", "--to", "l7=api", "--port", "80/tcp", "--http", "GET /public");
        Assert.Matches("GET /public is allowed by rule l7 at /.*/l7\\.yaml:8", allowed.Output);
        Assert.Equal(2, Host.Weir("policy", "explain", "--from", "l7=web", "--to", "l7=api", "--port", "80/tcp", "--http", "GET").ExitCode);
    }

    [PrivilegedFact]
    public void EgressRule_HoldsTowardsTheWorld()
    {
        Host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: web}}
              egress:
                - toEntities: [world]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{method: GET, path: /index.html}]}
            """);
        Assert.Contains("hello from the world", Curl($"http://{DockerHost.WorldAddress}/index.html"), StringComparison.Ordinal);
        Assert.Contains("hello from the world", Curl($"http://[{DockerHost.WorldAddress6}]/index.html"), StringComparison.Ordinal);
        Assert.Contains("403", Curl("-i", $"http://{DockerHost.WorldAddress}/other"), StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void HostAndWorld_AreJudgedToo()
    {
        Host.Apply("l7.yaml", """
            - endpointSelector: {matchLabels: {l7: api}}
              ingress:
                - fromEntities: [host, world]
                  toPorts:
                    - ports: [{port: "80", protocol: TCP}]
                      rules: {http: [{path: /public}]}
            """);
        foreach (string address in (string[])[Address, $"[{Address6}]"])
        {
            CommandResult fetched = Host.Sandbox.Run(["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{address}/public"]);
            Assert.True(fetched.Output.Contains("200 OK", StringComparison.Ordinal), fetched.All);
            Assert.Contains("403", Host.Sandbox.Run(["curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{address}/private"]).Output, StringComparison.Ordinal);
        }

        Host.Sandbox.Run(["ip", "-n", "world", "route", "replace", Address, "via", DockerHost.HostAddress]).OrFail();
        CommandResult world = Host.Sandbox.Run(["ip", "netns", "exec", "world", "curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{Address}/public"]);
        Assert.True(world.Output.Contains("200 OK", StringComparison.Ordinal), world.All);
        Assert.StartsWith(DockerHost.WorldAddress, Http.Requests[^1].Peer, StringComparison.Ordinal);
        Assert.Contains("403", Host.Sandbox.Run(["ip", "netns", "exec", "world", "curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{Address}/x"]).Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void Containers_CannotReachTheProxysPort()
    {
        Apply("- {}");
        string gateway = Host.Docker("exec", Client, "sh", "-c", "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'");
        string port = Host.Sandbox.Shell("ss -Hltn 'src 127.0.0.1' | awk '{print $4}' | sed 's/.*://' | sort -u").Trim();
        Assert.NotEmpty(port);
        foreach (string one in port.Split('\n'))
        {
            Assert.DoesNotContain("HTTP/1.1", Host.InNetworkOf(Client, "curl", "-sS", "-i", "-m", "1", $"http://{gateway}:{one}/").All, StringComparison.Ordinal);
        }

        // Not even the host itself: no policy decision has brought it there.
        Assert.DoesNotContain("HTTP/1.1", Host.Sandbox.Run(["curl", "-sS", "-i", "-m", "1", $"http://127.0.0.1:{port.Split('\n')[0]}/"]).Output, StringComparison.Ordinal);
    }

    /// <summary>Who asks once a connection does not close it first: its port would rest for a minute.</summary>
    [PrivilegedFact]
    public void OneRequestConnections_LeaveTheClientNoTimeWait()
    {
        Apply("- {}");
        const string Script = """
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
        string left = Host.InNetworkOf(Client, ["python3", "-c", Script, Address]).OrFail().Output.Trim();
        Assert.True(int.Parse(left, null) <= 10, $"{left} of 200 connections rest in TIME_WAIT at the client");
    }
}
