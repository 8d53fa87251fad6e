// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What clients hear whom policy denies.</summary>
[Collection(SharedHost.Name)]
public sealed class DenyResponseTests : IDisposable
{
    private const string Refused = "ECONNREFUSED";
    private const string Silence = "silence";

    private readonly DockerHost _host;
    private readonly string _network;
    private readonly string _api;
    private readonly string _other;

    public DenyResponseTests(DockerHost host)
    {
        _host = host;
        _network = host.MakeNetwork();
        _api = host.RunServer("api", _network, "-l", "role=api");
        _other = host.RunClient("other", _network, "-l", "role=other");
    }

    public void Dispose()
    {
        _host.DeletePolicies();
        _host.Remove(_api, _other);
        _host.Docker("network", "rm", _network);
    }

    [PrivilegedFact]
    public void DeniedClient_FailsAtOnce_OnBothFamilies_FromContainerAndHost()
    {
        Deny("");
        foreach (bool v6 in new[] { false, true })
        {
            string address = _host.AddressOf(_api, _network, v6);
            Assert.Equal(Refused, KnockFrom(_other, "tcp", address, 80));
            // The socket hook knows before there is a packet.
            Assert.Equal("EHOSTUNREACH", KnockFrom(_other, "udp", address, 53));
            Assert.Equal(Refused, KnockFromHost("tcp", address, 80));
            Assert.Equal(v6 ? "EACCES" : "EHOSTUNREACH", KnockFromHost("udp", address, 53));
        }

        // The program's own message is what people see.
        CommandResult wget = _host.Exec(_other, "timeout", "20", "wget", "-qO-", $"http://{_api}/");
        Assert.Contains("Connection refused", wget.All, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void LivingConnection_ThatPolicyDeniesNow_IsReset()
    {
        using BackgroundCommand echo = _host.Sandbox.Start(
            "nsenter", "-t", _host.PidOf(_other), "-n", "python3", "tests/Weir.EndToEnd.Tests/Tools/echo_client.py", _host.AddressOf(_api, _network), "9000");
        echo.WaitFor("3");
        Deny("");
        echo.WaitFor("ConnectionResetError");
    }

    [PrivilegedFact]
    public void PolicyThatWantsSilence_GetsIt()
    {
        Deny("  denyResponse: drop");
        string address = _host.AddressOf(_api, _network);
        Assert.Equal(Silence, KnockFrom(_other, "tcp", address, 80));
        Assert.Equal(Silence, KnockFrom(_other, "udp", address, 53));
    }

    private void Deny(string more) => _host.Apply("deny.yaml", $$"""
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata:
          name: deny
        spec:
          endpointSelector:
            matchLabels: {role: api}
          ingress: [{}]
        {{more}}
        """);

    private string KnockFrom(string container, string protocol, string address, int port) =>
        _host.InNetworkOf(container, Command(protocol, address, port)).OrFail().Output.Trim();

    private string KnockFromHost(string protocol, string address, int port) => _host.Sandbox.Run(Command(protocol, address, port)).OrFail().Output.Trim();

    private static string[] Command(string protocol, string address, int port) =>
        ["python3", "tests/Weir.EndToEnd.Tests/Tools/knock.py", protocol, address, $"{port}"];
}
