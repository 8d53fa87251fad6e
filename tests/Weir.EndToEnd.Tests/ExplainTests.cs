// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What "explain" says is what packets meet, whoever asks for whatever address.</summary>
public sealed class ExplainTests : IClassFixture<ClosedHost>
{
    private static readonly (string Name, string Text)[] _policies =
    [
        ("none", ""),
        // The range has the host's addresses, and does not mean them.
        ("a CIDR over the host", "- endpointSelector: {matchLabels: {at: a}}\n  egress: [{toCIDR: [198.51.100.0/24, 192.0.2.0/24, 192.0.2.5/32, '2001:db8::/32', 10.0.0.0/8]}]\n"),
        ("the host", "- endpointSelector: {}\n  egress: [{toEntities: [host]}]\n"),
        ("the world", "- endpointSelector: {}\n  egress: [{toEntities: [world]}]\n- endpointSelector: {matchLabels: {at: b}}\n  ingress: [{fromEntities: [world]}]\n"),
        ("one of the world", $"- endpointSelector: {{}}\n  ingress: [{{fromCIDR: [{DockerHost.WorldAddress}/32, '{DockerHost.WorldAddress6}/128']}}]\n"),
        ("containers", "- endpointSelector: {}\n  ingress: [{fromEndpoints: [{matchLabels: {at: a}}]}]\n  egress: [{toEndpoints: [{matchLabels: {at: b}}]}]\n"),
        ("all but the world and the host", "- endpointSelector: {}\n  enableDefaultDeny: {egress: false}\n  egressDeny: [{toEntities: [world, host]}]\n"),
        ("all but a range over everybody", "- endpointSelector: {}\n  enableDefaultDeny: {egress: false, ingress: false}\n  egressDeny: [{toCIDR: [0.0.0.0/0, '::/0']}]\n  ingressDeny: [{fromCIDR: [0.0.0.0/0]}]\n"),
    ];

    private readonly DockerHost _host;

    public ExplainTests(ClosedHost host) => _host = host.Machine;

    [PrivilegedFact]
    public void EveryAnswer_IsWhatPacketsMeet()
    {
        using var crossroads = new Crossroads(_host);
        string differences = "";
        foreach ((string name, string text) in _policies)
        {
            if (text.Length > 0)
            {
                _host.Apply("crossroads.yaml", text);
            }

            differences += crossroads.Compare(name);
            foreach (string address in (string[])["198.51.100.255", "255.255.255.255", "224.0.0.9", "192.0.2.5"])
            {
                bool arrives = crossroads.Arrives("a", address, 6000);
                Weir.Api.ExplainPolicyResponse answer = crossroads.Ask("a", address, "6000/udp");
                differences += answer.Allowed == arrives ? "" : $"{name}: a → {address} 6000/udp: {(arrives ? "arrives" : "does not arrive")}, explain says {answer.Egress?.Text} {answer.Obstacle}\n";
            }

            _host.DeletePolicies();
        }

        Assert.True(differences.Length == 0, differences);
    }
}
