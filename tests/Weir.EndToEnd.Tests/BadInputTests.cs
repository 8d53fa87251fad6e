// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Wrong files, wrong commands, a second agent, garbage at the plugin's socket.</summary>
[Collection(SharedHost.Name)]
public sealed class BadInputTests(DockerHost host)
{
    private const string PluginSocket = "/run/docker/plugins/weir.sock";

    [PrivilegedFact]
    public void UnknownField_ExitsWith2_NamesFileLineAndColumn_AndChangesNothing()
    {
        string before = host.Weir("policy", "get", "-o", "json").Output;
        CommandResult result = host.TryApply("bad.yaml", """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata:
              name: bad
            spec:
              endpointSelector: {}
              ingres:
                - {}
            """);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("bad.yaml:7:3", result.Error, StringComparison.Ordinal);
        Assert.Contains("ingress", result.Error, StringComparison.Ordinal);
        Assert.Equal(before, host.Weir("policy", "get", "-o", "json").Output);
    }

    [PrivilegedFact]
    public void DnsRules_AreRefusedWhole_ForTheyAreNotEnforcedYet()
    {
        CommandResult result = host.TryApply("dns.json", """
            [{"endpointSelector": {"matchLabels": {"a": "b"}},
              "ingress": [{"toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}],
                "rules": {"dns": [{"matchName": "a.example"}]}}]}]}]
            """);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("dns.json:3", result.Error, StringComparison.Ordinal);
        Assert.Contains("not enforced", result.Error, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void OneBadFileOfAFolder_RefusesTheFolder()
    {
        host.Sandbox.Run(["mkdir", "-p", "/run/policies"]).OrFail();
        File.WriteAllText(host.Sandbox.HostPath("/run/policies/a.json"), """[{"endpointSelector": {"matchLabels": {"folder": "a"}}, "ingress": [{}]}]""");
        File.WriteAllText(host.Sandbox.HostPath("/run/policies/b.json"), """[{"endpointSelector": {"matchLabels": {"folder": "b"}}, "ingress": 7}]""");
        CommandResult result = host.Weir("policy", "apply", "-f", "/run/policies");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("b.json:1", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("folder", host.Weir("policy", "get", "-o", "json").Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void LargeFile_IsApplied_UpToTheLimitThatValidateHasToo()
    {
        const int Mb = 1024 * 1024;
        string policy = """[{"endpointSelector": {"matchLabels": {"large": "file"}}, "ingress": [{}]}]""";
        Assert.True(host.TryApply("large.json", policy + new string(' ', 10 * Mb)).Succeeded);
        CommandResult applied = host.TryApply("large.json", policy + new string(' ', 17 * Mb));
        CommandResult validated = host.Weir("policy", "validate", "-f", "/run/large.json");
        Assert.Equal((2, 2), (applied.ExitCode, validated.ExitCode));
        Assert.Equal("weir: large.json: this is too much to read: it may be 16 MB in all", applied.Error.Trim());
        Assert.Equal("weir: /run/large.json: this is too much to read: it may be 16 MB in all", validated.Error.Trim());
        host.DeletePolicies();
    }

    [PrivilegedFact]
    public void MissingFile_AndUnknownVerb_ExitWith2()
    {
        Assert.Equal(2, host.Weir("policy", "apply", "-f", "/nowhere.yaml").ExitCode);
        Assert.Equal(2, host.Weir("conquer").ExitCode);
        Assert.Equal(2, host.Weir("endpoint", "list", "--no-such-flag").ExitCode);
    }

    [PrivilegedFact]
    public void SecondAgent_SaysSoAndExits()
    {
        CommandResult second = host.Sandbox.Run([Sandbox.Weir, "agent"], seconds: 20);
        Assert.Equal(1, second.ExitCode);
        Assert.Contains("already", second.All, StringComparison.OrdinalIgnoreCase);
        Assert.True(host.Weir("status").Succeeded);
    }

    [PrivilegedFact]
    public void WithoutAgent_ACommandSaysSoInOneLine()
    {
        using Sandbox empty = new();
        CommandResult result = empty.Run([Sandbox.Weir, "endpoint", "list"]);
        Assert.Equal(1, result.ExitCode);
        Assert.Single(result.Error.Trim().Split('\n'));
        Assert.Contains("agent", result.Error, StringComparison.Ordinal);
    }

    [PrivilegedTheory]
    [InlineData("/NetworkDriver.CreateNetwork", "{}")]
    [InlineData("/NetworkDriver.CreateEndpoint", "{\"NetworkID\": \"nope\", \"EndpointID\": \"nope\"}")]
    [InlineData("/NetworkDriver.Join", "{\"NetworkID\": \"nope\"}")]
    [InlineData("/NetworkDriver.Join", "not json at all")]
    [InlineData("/NetworkDriver.CreateNetwork", "[1, 2")]
    [InlineData("/NetworkDriver.CreateNetwork", "")]
    [InlineData("/IpamDriver.RequestPool", "{\"Pool\": \"10.0.0.0/99\"}")]
    [InlineData("/IpamDriver.RequestAddress", "{\"PoolID\": \"weir/10.1.2.0/24\", \"Address\": \"::ffff:oops\"}")]
    [InlineData("/NetworkDriver.NoSuchCall", "{}")]
    public void PluginGarbage_IsAnsweredWithAnError_AndHurtsNobody(string call, string body)
    {
        string answer = Send($"POST {call} HTTP/1.1\r\nHost: \r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}");
        Assert.StartsWith("HTTP/1.1 ", answer, StringComparison.Ordinal);
        Assert.Matches("\"Err\": ?\"[^\"]{10,}", answer);
        Assert.DoesNotContain("   at ", answer, StringComparison.Ordinal);
        Assert.True(host.Weir("status").Succeeded);
    }

    [PrivilegedFact]
    public void PluginSocket_SurvivesWhatIsNoHttp()
    {
        _ = Send("\u0000\u0001\u0002 garbage \r\n\r\n");
        _ = Send(new string('A', 100_000));
        Assert.True(host.Weir("status").Succeeded);
        string network = host.MakeNetwork();
        host.Docker("network", "rm", network);
    }

    private string Send(string request)
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.ReceiveTimeout = 5000;
        socket.Connect(new UnixDomainSocketEndPoint(host.Sandbox.HostPath(PluginSocket)));
        StringBuilder answer = new();
        try
        {
            socket.Send(Encoding.UTF8.GetBytes(request));
            byte[] buffer = new byte[4096];
            int count;
            while ((count = socket.Receive(buffer)) > 0)
            {
                answer.Append(Encoding.UTF8.GetString(buffer, 0, count));
            }
        }
        catch (SocketException)
        {
            // The agent may hang up on garbage.
        }

        return answer.ToString();
    }
}
