// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Control.Services;
using Weir.Services;
using Weir.Testing;
using Xunit;

namespace Weir.Control.Tests;

/// <summary>Against real listeners on the loopback.</summary>
public sealed class HealthCheckerTests : IDisposable
{
    private static readonly HealthCheck _quick = new(HealthCheckKind.Tcp) { Interval = TimeSpan.FromMilliseconds(100), Timeout = TimeSpan.FromMilliseconds(100), Rise = 2, Fall = 2 };
    private readonly BlockingCollection<(BackendAddress Backend, bool Healthy, string Detail)> _told = [];
    private readonly HealthChecker _checker;

    public HealthCheckerTests() =>
        _checker = new HealthChecker(
            (_, backend, healthy, detail) =>
            {
                _told.Add((backend, healthy, detail));
                return Task.CompletedTask;
            },
            TimeProvider.System,
            NullLogger.Instance);

    public void Dispose()
    {
        _checker.Dispose();
        _told.Dispose();
    }

    [PrivilegedFact]
    public void Listener_BecomesHealthyAtOnce_AndUnhealthyWhenItGoes()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        BackendAddress backend = AddressOf(listener);
        _checker.Set("shop", _quick, [(backend, false)]);
        Assert.Equal((backend, true, ""), Next());
        listener.Stop();
        (BackendAddress gone, bool healthy, string detail) = Next();
        Assert.Equal((backend, false), (gone, healthy));
        Assert.Contains("ConnectionRefused", detail, StringComparison.Ordinal);
    }

    [PrivilegedTheory]
    [InlineData("200 OK", true)]
    [InlineData("302 Found", true)]
    [InlineData("503 Unavailable", false)]
    public void Http_JudgesByTheStatus(string status, bool healthy)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _ = AnswerAsync(listener, status);
        // What it counts as is the opposite of what it is, so that the checker has something to tell.
        _checker.Set("shop", _quick with { Kind = HealthCheckKind.Http, Path = "/healthz", Timeout = TimeSpan.FromSeconds(1) }, [(AddressOf(listener), !healthy)]);
        Assert.Equal(healthy, Next().Healthy);
    }

    [PrivilegedFact]
    public void NoLongerWatched_TellsNothingMore()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _checker.Set("shop", _quick, [(AddressOf(listener), false)]);
        Next();
        _checker.Set("shop", null, []);
        listener.Stop();
        Assert.False(_told.TryTake(out _, TimeSpan.FromMilliseconds(500)));
    }

    [PrivilegedFact]
    public void WhatCouldNotBeTakenIn_IsToldAgain()
    {
        using var told = new BlockingCollection<bool>();
        int times = 0;
        using var checker = new HealthChecker(
            (_, _, healthy, _) =>
            {
                if (++times == 1)
                {
                    throw new InvalidOperationException("whoever is told has a bug");
                }

                told.Add(healthy);
                return Task.CompletedTask;
            },
            TimeProvider.System,
            NullLogger.Instance);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        checker.Set("shop", _quick, [(AddressOf(listener), true)]);
        listener.Stop();
        Assert.True(told.TryTake(out bool isHealthy, TimeSpan.FromSeconds(10)));
        Assert.False(isHealthy);
    }

    private static BackendAddress AddressOf(TcpListener listener) => new(IPAddress.Loopback, (ushort)((IPEndPoint)listener.LocalEndpoint).Port);

    private static async Task AnswerAsync(TcpListener listener, string status)
    {
        try
        {
            while (true)
            {
                using Socket socket = await listener.AcceptSocketAsync();
                await socket.ReceiveAsync(new byte[4096]);
                await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private (BackendAddress Backend, bool Healthy, string Detail) Next() =>
        _told.TryTake(out var told, TimeSpan.FromSeconds(10)) ? told : throw new TimeoutException("the checker told nothing within ten seconds");
}
