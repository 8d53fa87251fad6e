// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using Weir.Linux;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>A round of a worker: shares of time, whatever is sent on however many sockets.</summary>
public sealed class TurnTests
{
    private readonly Rig _rig = new();
    private readonly List<int> _served = [];

    [Fact]
    public void TenantWithManySockets_IsNotServedBeforeTheOthersHadTheirShare()
    {
        var (flooder, other) = (new Tenant(1, IPAddress.Any), new Tenant(2, IPAddress.Any));
        var turn = new Turn(_rig.Worker, (_, e) => Use((int)e.Token, milliseconds: 3));
        turn.Begin();
        for (ulong i = 0; i < 100; i++)
        {
            turn.Take(Of(flooder), new EpollEvent(EpollEvents.Readable, i));
        }

        turn.Take(Of(other), new EpollEvent(EpollEvents.Readable, 1000));
        turn.End();
        Assert.Equal([0, 1000], _served[..2]);
        Assert.InRange(_served.Count, 2, 4);
    }

    [Fact]
    public void TenantThatIsAlone_HasTheWholeTurn_AndTheNext()
    {
        var tenant = new Tenant(1, IPAddress.Any);
        var turn = new Turn(_rig.Worker, (_, e) => Use((int)e.Token, milliseconds: 0));
        for (var round = 0; round < 2; round++)
        {
            turn.Begin();
            for (ulong i = 0; i < 10; i++)
            {
                turn.Take(Of(tenant), new EpollEvent(EpollEvents.Readable, i));
            }

            turn.End();
        }

        Assert.Equal(20, _served.Count);
    }

    [Fact]
    public void ConnectionThatHasMore_IsNotForgotten()
    {
        var connection = Of(new Tenant(1, IPAddress.Any));
        var turn = new Turn(_rig.Worker, (_, e) => Use((int)e.Token, milliseconds: 6));
        _rig.Worker.Unfinished.Enqueue(connection);
        _rig.Worker.Unfinished.Enqueue(connection);
        turn.Begin();
        turn.End();
        Assert.Single(_served);
        Assert.Single(_rig.Worker.Unfinished);
        turn.Begin();
        turn.End();
        Assert.Equal(2, _served.Count);
    }

    [Fact]
    public void Tenants_AreKeptWhileTheyHaveConnections()
    {
        var tenants = new Tenants();
        var first = tenants.Join(1, IPAddress.Loopback);
        Assert.Same(first, tenants.Join(1, IPAddress.Any));
        var stranger = tenants.Join(0, IPAddress.Loopback);
        Assert.NotSame(stranger, tenants.Join(0, IPAddress.Any));
        tenants.Leave(first);
        Assert.Same(first, tenants.Join(1, IPAddress.Any));
        tenants.Leave(first);
        tenants.Leave(first);
        Assert.NotSame(first, tenants.Join(1, IPAddress.Any));
    }

    /// <summary>What one tenant's connections keep makes the next reads of that tenant smaller, not those of others.</summary>
    [Fact]
    public void TenantThatKeepsMuch_IsReadInSmallPieces()
    {
        var (flooder, other) = (new Tenant(1, IPAddress.Any), new Tenant(2, IPAddress.Any));
        flooder.Waiting = _rig.Worker.Waiting = 30 * 1024 * 1024;
        Assert.True(_rig.Worker.IsShortOfMemory(flooder));
        Assert.False(_rig.Worker.IsShortOfMemory(other));
        Assert.InRange(_rig.Worker.ReadBytes(flooder), 1, 4096);
        Assert.True(_rig.Worker.ReadBytes(other) > 100_000);
    }

    private Connection Of(Tenant tenant) =>
        new(_rig.Worker, tenant, 0, 1, new Arrival(_rig.Sockets.New().Number, null, new IPEndPoint(IPAddress.Loopback, 1), new IPEndPoint(IPAddress.Loopback, 2)), default);

    private void Use(int token, int milliseconds)
    {
        _served.Add(token);
        var until = Stopwatch.GetTimestamp() + (Stopwatch.Frequency * milliseconds / 1000);
        while (Stopwatch.GetTimestamp() < until)
        {
        }
    }
}
