// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>An agent that is told to stop waits for nobody.</summary>
[Collection(RestartedHost.Name)]
public sealed class AgentStopTests(DockerHost host) : IDisposable
{
    public void Dispose()
    {
        if (!host.Weir("status").Succeeded)
        {
            host.Agent.Start();
        }
    }

    [PrivilegedFact]
    public void AgentStops_AtOnce_WhateverIsAttached()
    {
        using BackgroundCommand monitor = host.Sandbox.Start(Sandbox.Weir, "monitor");
        using BackgroundCommand traces = host.Sandbox.Start(Sandbox.Weir, "monitor", "--type", "trace");
        // One that reads no more, while packets go on.
        using BackgroundCommand stopped = host.Sandbox.Start("bash", "-c", $"{Sandbox.Weir} monitor --type trace | sleep 600");
        using Socket halfACall = HalfACall();
        using Socket idle = Connect("/run/weir/weir.sock");
        string network = host.MakeNetwork();
        string[] containers = [host.RunClient("a", network), host.RunServer("b", network)];
        host.MustReach(containers[0], containers[1]);

        var time = Stopwatch.StartNew();
        host.Agent.Stop();
        TimeSpan taken = time.Elapsed;
        Wait.Until(() => monitor.HasExited && traces.HasExited, 5, () => "the monitors go on");
        string log = host.Agent.Log;
        host.Agent.Start();
        host.Remove(containers);
        host.Docker("network", "rm", network);

        Assert.True(taken < TimeSpan.FromSeconds(10), $"it took {taken.TotalSeconds:0.0} s");
        Assert.EndsWith("the agent on /run/weir/weir.sock has stopped, or is started anew", monitor.Output.Trim(), StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", monitor.Output + traces.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Docker does not answer", log, StringComparison.Ordinal);
    }

    /// <summary>Of Docker's plugin, whose second half never comes.</summary>
    private Socket HalfACall()
    {
        Socket socket = Connect("/run/docker/plugins/weir.sock");
        socket.Send("POST /NetworkDriver.Join HTTP/1.1\r\nHost: \r\nContent-Length: 100\r\n\r\n{"u8);
        return socket;
    }

    private Socket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(host.Sandbox.HostPath(path)));
        return socket;
    }
}
