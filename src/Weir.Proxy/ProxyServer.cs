// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net;
using Weir.Api;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>The transparent proxy: listens, shares its connections among workers, and holds the policies.</summary>
public sealed class ProxyServer : IDisposable
{
    private const int Backlog = 4096;
    private const int Attempts = 20;
    private const int MostArriving = 1024;
    private static readonly TimeSpan _lookEvery = TimeSpan.FromMilliseconds(200);

    private readonly List<int> _listeners = [];
    private readonly Worker[] _workers;
    private readonly ConcurrentDictionary<ushort, int> _perEndpoint = [];
    private readonly ManualResetEventSlim _drained = new();
    private readonly SpareMemory _memory;
    private readonly TakeOverReader _takeOvers;
    private readonly SeenReader _seen;
    private long _fullUntil;

    /// <param name="listeners">Those of the proxy whose place this one takes; null: new ones.</param>
    /// <exception cref="DatapathException">There is no datapath.</exception>
    /// <exception cref="LinuxException">The sockets cannot be made.</exception>
    public ProxyServer(ProxyOptions options, IReadOnlyList<int>? listeners)
        : this(options, listeners, ProxyFlows.Open((options ?? throw new ArgumentNullException(nameof(options))).PinRoot))
    {
    }

    /// <param name="flows">Disposed with it.</param>
    internal ProxyServer(ProxyOptions options, IReadOnlyList<int>? listeners, IProxyFlows flows)
    {
        Options = options;
        Flows = flows;
        if (listeners is null)
        {
            Listen();
        }
        else
        {
            _listeners.AddRange(listeners);
        }

        _listeners.ForEach(listener => TcpSocket.Tune(listener, Worker.KeepAliveSeconds)); // connections inherit it
        Port = (ushort)TcpSocket.LocalEndPoint(_listeners[0]).Port;
        _workers = [.. Enumerable.Range(0, options.Workers).Select(i => new Worker(this, i))];
        _memory = new SpareMemory(() => _workers.Sum(worker => worker.State.Waiting));
        _takeOvers = new TakeOverReader(this);
        _seen = new SeenReader(this);
    }

    public ProxyOptions Options { get; }

    /// <summary>Where it listens on loopback.</summary>
    public ushort Port { get; }

    /// <summary>The proxy accepts no more and its last connection has ended.</summary>
    public WaitHandle Drained => _drained.WaitHandle;

    internal IProxyFlows Flows { get; }

    internal Reporter Reporter { get; } = new();

    internal IReadOnlyList<int> Listeners => _listeners;

    internal PoliciesInForce Policies { get; } = new();

    /// <summary>Begins to serve: after the first policies, never before.</summary>
    internal void Start()
    {
        Array.ForEach(_workers, worker => worker.Start());
        Flows.SetListeners(_listeners);
        _takeOvers.Start();
        _seen.Start();
    }

    /// <summary>Puts policies in force, all at once.</summary>
    internal void Enforce(ProxyPolicies policies) => Policies.Current = Policies.Current.Next(policies);

    /// <summary>False: more connections wait for workers than should.</summary>
    internal bool HasRoom => _workers.Sum(worker => worker.Arriving) < MostArriving;

    /// <summary>Gives a connection to the worker that has fewest.</summary>
    internal void Give(in Arrival arrival) => _workers.MinBy(worker => worker.Counters.Open + worker.Arriving)!.Give(in arrival);

    /// <summary>What this process has counted, and the datapath as long as it runs.</summary>
    internal ProxyStats Stats()
    {
        ProxyStats stats = Counters.Sum([.. _workers.Select(worker => worker.Counters)]);
        _seen.AddTo(stats);
        return stats;
    }

    /// <summary>Accepts no more, nor takes over; <see cref="Drained"/> is set when all connections have ended, or time is up.</summary>
    internal void Drain()
    {
        _takeOvers.Stop();
        _seen.Stop();
        Array.ForEach(_workers, worker => worker.StopAccepting());
        _ = Task.Run(async () =>
        {
            long until = Environment.TickCount64 + (long)Options.DrainTimeout.TotalMilliseconds;
            while (_workers.Sum(worker => worker.Counters.Open + worker.Arriving) > 0 && Environment.TickCount64 < until)
            {
                await Task.Delay(_lookEvery);
            }

            _drained.Set();
        });
    }

    /// <summary>False: that endpoint has as many connections as one may have.</summary>
    internal bool TryTake(ushort endpoint)
    {
        if (endpoint == 0)
        {
            return true;
        }

        if (_perEndpoint.AddOrUpdate(endpoint, 1, (_, count) => count + 1) <= Options.MostConnectionsPerEndpoint)
        {
            return true;
        }

        Release(endpoint);
        return false;
    }

    internal void Release(ushort endpoint)
    {
        if (endpoint != 0)
        {
            _perEndpoint.AddOrUpdate(endpoint, 0, (_, count) => count - 1);
        }
    }

    internal void OnTooManyFiles()
    {
        long now = Environment.TickCount64;
        if (now > Interlocked.Read(ref _fullUntil))
        {
            Interlocked.Exchange(ref _fullUntil, now + 10_000);
            Reporter.Log("no more files may be open: new connections wait; raise the limit (LimitNOFILE)", isError: true);
        }

        Thread.Yield();
    }

    public void Dispose()
    {
        _memory.Dispose();
        _takeOvers.Dispose();
        _seen.Dispose();
        Array.ForEach(_workers, worker => worker.Dispose());
        _listeners.ForEach(TcpSocket.Close);
        Flows.Dispose();
        _drained.Dispose();
    }

    /// <summary>The same port for both families, whichever the kernel has free.</summary>
    private void Listen()
    {
        for (int attempt = 1; ; attempt++)
        {
            _listeners.Add(TcpSocket.ListenTransparent(new IPEndPoint(IPAddress.Loopback, 0), Backlog, (uint)ProxyMark.MarkFromProxy));
            int port = TcpSocket.LocalEndPoint(_listeners[0]).Port;
            try
            {
                _listeners.Add(TcpSocket.ListenTransparent(new IPEndPoint(IPAddress.IPv6Loopback, port), Backlog, (uint)ProxyMark.MarkFromProxy));
                return;
            }
            catch (LinuxException e) when (e.Number is Errno.NotSupportedFamily or Errno.AddressNotAvailable)
            {
                return; // a host without IPv6
            }
            catch (LinuxException e) when (e.Number == Errno.AddressInUse && attempt < Attempts)
            {
                TcpSocket.Close(_listeners[0]);
                _listeners.Clear();
            }
        }
    }
}
