// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Weir.Control.Host;
using Weir.Linux;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Control.Tests;

/// <summary>The ports of SNAT are nobody else's, and what the host had reserved stays.</summary>
public sealed class SnatPortsTests : IDisposable
{
    private static readonly PortRange _ports = new(61000, 65535);
    private readonly TestNamespace _host = new();
    private readonly MemoryStore _store = new();

    private string Reserved
    {
        get => _host.Run(() => Sysctl.Read(SnatPorts.Reserved));
        set => _host.Run(() => Sysctl.Write(SnatPorts.Reserved, value));
    }

    public void Dispose() => _host.Dispose();

    [PrivilegedTheory]
    [InlineData("", "61000-65535")]
    [InlineData("8080,9148-9150", "8080,9148-9150,61000-65535")]
    [InlineData("60999,61005-61007", "60999-65535")]
    [InlineData("1000-65535", "1000-65535")]
    public void Reserve_AddsThem_ReleaseGivesThemBack(string before, string reserved)
    {
        if (before.Length > 0)
        {
            Reserved = before;
        }

        bool done = _host.Run(() => SnatPorts.Reserve(_store, _ports));

        Assert.Equal(reserved != before, done);
        Assert.Equal(reserved, Reserved);
        Assert.False(_host.Run(() => SnatPorts.Reserve(_store, _ports)));
        _host.Run(() => SnatPorts.Release(_store));
        Assert.Equal(before, Reserved);
    }

    [PrivilegedFact]
    public void OthersWriteIt_ItIsAddedAgain_AndTheirsStays()
    {
        _host.Run(() => SnatPorts.Reserve(_store, _ports));
        Reserved = "7000,61000";
        Assert.True(_host.Run(() => SnatPorts.Reserve(_store, _ports)));
        Assert.Equal("7000,61000-65535", Reserved);
        Reserved = "7000,7002,61000-65535";
        _host.Run(() => SnatPorts.Release(_store));
        Assert.Equal("7000,7002,61000", Reserved);
    }

    [PrivilegedFact]
    public void AnotherRange_TakesThePlaceOfTheOld()
    {
        _host.Run(() => SnatPorts.Reserve(_store, _ports));
        _host.Run(() => SnatPorts.Reserve(_store, new PortRange(50000, 50255)));
        Assert.Equal("50000-50255", Reserved);
        _host.Run(() => SnatPorts.Release(_store));
        Assert.Equal("", Reserved);
    }

    [PrivilegedFact]
    public void HostsOwnConnections_NeverGetThem()
    {
        _host.Run(() =>
        {
            // All but one of what the kernel gives away are SNAT's.
            Sysctl.Write("net/ipv4/ip_local_port_range", "60999\t61063");
            SnatPorts.Reserve(_store, _ports);
            for (int i = 0; i < 200; i++)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                socket.Bind(new IPEndPoint(IPAddress.Any, 0));
                Assert.Equal(60999, ((IPEndPoint)socket.LocalEndPoint!).Port);
            }
        });
    }
}
