// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>What breaks between hosts: no flow of a living pair is lost, nothing is allowed that policy denies, and everything agrees
/// afterwards by itself.</summary>
public sealed class ManyHostsFailureTests : IDisposable
{
    private const int Hosts = 3;
    private ClusterHosts _hosts = null!;

    public void Dispose() => _hosts?.Dispose();

    [PrivilegedFact]
    public void LivingPairs_KeepTheirFlows_WhateverBreaksAroundThem()
    {
        _hosts = new ClusterHosts(Hosts);
        _hosts.MakeNetwork("app", "10.40.0.0/16");
        string api = _hosts[1].RunServer("api", "app", "-l", "role=api");
        string here = _hosts[0].RunClient("here", "app", "-l", "role=web");
        string there = _hosts[2].RunClient("there", "app", "-l", "role=web");
        string other = _hosts[0].RunClient("other", "app", "-l", "role=other");
        string address = _hosts[1].AddressOf(api, "app");
        _hosts[0].Apply("api.yaml", """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: api}
            spec:
              endpointSelector: {matchLabels: {role: api}}
              ingress: [{fromEndpoints: [{matchLabels: {role: web}}]}]
            """);
        Wait.Until(() => Fetch(0, here, address) && Fetch(2, there, address), 15, Say);
        using EchoFlow near = new((_hosts[0], here), address);
        using EchoFlow far = new((_hosts[2], there), address);
        near.MustLive();
        far.MustLive();

        // The server's agent stands still for longer than its lease; a client's host is unplugged for as long.
        _hosts[1].Agent.Freeze();
        _hosts.Plug(2, isIn: false);
        Wait.Until(() => Silent(0) == 2, 60, Say);
        near.MustLive();
        Assert.True(Fetch(0, here, address), Say());
        Assert.False(Fetch(0, other, address));
        Assert.Matches("node host2 is silent for [0-9]+ s", _hosts[0].Weir("status").OrFail().Output);
        Assert.Contains("not heard for", _hosts[2].Weir("status").OrFail().Output, StringComparison.Ordinal);
        _hosts[1].Agent.Thaw();
        _hosts.Plug(2, isIn: true);
        Wait.Until(() => Silent(0) == 0 && Silent(1) == 0 && Silent(2) == 0, 60, Say);
        near.MustLive();
        far.MustLive(60); // TCP waited for ever longer meanwhile
        Assert.False(Fetch(0, other, address));

        // No etcd; an agent that begins without it.
        _hosts.StopEtcd();
        Wait.Until(() => _hosts[2].Weir("status").Output.Contains("not heard for", StringComparison.Ordinal), 30, Say);
        _hosts[2].Agent.Kill();
        _hosts.StartAgent(2);
        near.MustLive();
        far.MustLive();
        _hosts.StartEtcd();

        // Many at once, as soon as it is back.
        string[][] many = new string[Hosts][];
        Parallel.For(0, Hosts, i => many[i] = [.. Enumerable.Range(0, 6).AsParallel().WithDegreeOfParallelism(6).Select(n => _hosts[i].RunClient($"many{i}x{n}x", "app", "-l", $"n={n}"))]);
        Wait.Until(
            () => Enumerable.Range(0, Hosts).All(i => _hosts[i].Weir("ip", "list").Output is var known && many.SelectMany(there => there).All(name => known.Contains(name, StringComparison.Ordinal))),
            30,
            () => string.Join('\n', Enumerable.Range(0, Hosts).Select(i => _hosts[i].Weir("ip", "list").All + _hosts[i].Weir("endpoint", "list").All)));
        near.MustLive();
        far.MustLive();
        Assert.False(Fetch(0, other, address));
        Assert.All(Enumerable.Range(0, Hosts), i => Assert.DoesNotContain(" init ", _hosts[i].Weir("endpoint", "list").OrFail().Output, StringComparison.Ordinal));
    }

    private bool Fetch(int host, string client, string address) => _hosts[host].Fetch(client, address).Output.Contains("hello from", StringComparison.Ordinal);

    /// <summary>How many nodes a host has not heard; -1: it does not hear itself.</summary>
    private int Silent(int host) => _hosts[host].Weir("node", "list") is { Succeeded: true } nodes && !nodes.All.Contains("not heard for", StringComparison.Ordinal)
        ? nodes.Output.Split(" s ago").Length - 1 : -1;

    private string Say() => string.Join('\n', Enumerable.Range(0, Hosts).Select(i => $"{_hosts[i].Weir("status").All}{_hosts[i].Weir("node", "list").All}{_hosts[i].Sandbox.Run(["timeout", "2", Sandbox.Weir, "monitor", "--last", "20"]).All}{_hosts[i].Agent.Log}"));
}
