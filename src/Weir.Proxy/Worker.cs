// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net;
using Weir.Datapath;
using Weir.Http.Http1;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>A thread with its own connections. Buffers are shared by them: what one does not need at once it
/// does not keep.</summary>
internal sealed class Worker : IDisposable
{
    private const int MostEvents = 512;
    private const int TickMs = 1000;
    private const ulong WakeToken = ulong.MaxValue;
    private const ulong ListenerToken = 1UL << 63;
    private const int AcceptsAtOnce = 64;

    private readonly ProxyServer _server;
    private readonly Epoll _poll = new();
    private readonly WakeUp _wake = new();
    private readonly GuardedThread _thread;
    private readonly Tenants _tenants = new();
    private readonly Turn _turn;
    private readonly List<Connection?> _connections = [];
    private readonly Stack<int> _free = [];
    private readonly ConcurrentQueue<Arrival> _arrivals = [];
    private uint _generation;
    private uint _revision;
    private volatile bool _accepts = true;
    private volatile bool _stops;
    private bool _listens;

    public Worker(ProxyServer server, int number)
    {
        _server = server;
        State = new WorkerState(new KernelSockets(_poll), server.Flows, server.Policies, server.Reporter, server.Options, Forget);
        _turn = new Turn(State, Serve);
        _poll.Add(_wake.Number, EpollEvents.Readable, WakeToken);
        _thread = GuardedThread.Lasting($"worker {number}", Run, Fail);
    }

    public Counters Counters => State.Counters;

    /// <summary>What its connections share.</summary>
    public WorkerState State { get; }

    /// <summary>Silent connections are probed after that time: those that live keep their flow alive.</summary>
    public const int KeepAliveSeconds = 50;

    public void Start() => _thread.Start();

    /// <summary>Connections that were given to it and that it has not begun with.</summary>
    public int Arriving => _arrivals.Count;

    /// <summary>Gives it a connection. Any thread may.</summary>
    public void Give(in Arrival arrival)
    {
        _arrivals.Enqueue(arrival);
        _wake.Signal();
    }

    /// <summary>Accepts no more; goes on with what there is.</summary>
    public void StopAccepting()
    {
        _accepts = false;
        _wake.Signal();
    }

    public void Dispose()
    {
        _stops = true;
        _wake.Signal();
        _thread.Join();
        while (_arrivals.TryDequeue(out Arrival arrival))
        {
            Refuse(in arrival);
        }

        _poll.Dispose();
        _wake.Dispose();
    }

    /// <summary>The connection is closed.</summary>
    private void Forget(int slot, Connection connection)
    {
        if (ReferenceEquals(_connections[slot], connection))
        {
            _connections[slot] = null;
            _free.Push(slot);
            Counters.Open--;
            _tenants.Leave(connection.Tenant);
            _server.Release(connection.Tenant.Endpoint);
        }
    }

    private void Run()
    {
        Span<EpollEvent> events = stackalloc EpollEvent[MostEvents];
        long tick = State.Now;
        while (!_stops)
        {
            Listen();
            int count = _poll.Wait(events, State.Unfinished.Count > 0 ? 0 : TickMs);
            State.Now = Environment.TickCount64;
            _turn.Begin();
            for (int i = 0; i < count; i++)
            {
                Handle(in events[i]);
            }

            _turn.End();

            if (State.Now - tick >= TickMs)
            {
                tick = State.Now;
                Tick();
            }
        }

        ResetAll();
    }

    /// <summary>What its connections wait for may be lost: they are cut, and it goes on with new ones.</summary>
    private void Fail(Exception error)
    {
        _server.Reporter.Log($"a worker's connections are given up: {error}", isError: true);
        ResetAll();
    }

    private void ResetAll()
    {
        foreach (Connection? connection in _connections.ToArray())
        {
            connection?.Reset();
        }
    }

    /// <summary>Several workers wait at one listener; the kernel wakes one of them.</summary>
    private void Listen()
    {
        if (_listens == _accepts)
        {
            return;
        }

        _listens = _accepts;
        for (int i = 0; i < _server.Listeners.Count; i++)
        {
            if (_listens)
            {
                _poll.Add(_server.Listeners[i], EpollEvents.Readable | EpollEvents.Exclusive, ListenerToken | (uint)i);
            }
            else
            {
                _poll.Remove(_server.Listeners[i]);
            }
        }
    }

    private void Handle(in EpollEvent e)
    {
        if (e.Token == WakeToken)
        {
            _wake.Clear();
            while (_arrivals.TryDequeue(out Arrival arrival))
            {
                Admit(in arrival);
            }

            return;
        }

        if ((e.Token & ListenerToken) != 0)
        {
            Accept(_server.Listeners[(int)(uint)e.Token]);
            return;
        }

        int slot = (int)((uint)e.Token >> 1);
        if (_connections[slot] is { } connection && connection.IsOf((uint)(e.Token >> 32)))
        {
            _turn.Take(connection, e);
        }
    }

    private void Serve(Connection connection, EpollEvent e)
    {
        try
        {
            if (e.Events == EpollEvents.None)
            {
                connection.OnTurn();
            }
            else
            {
                connection.OnEvent((e.Token & 1) != 0, e.Events);
            }
        }
#pragma warning disable CA1031 // a mistake of ours, maybe provoked: it costs one connection, not all of them
        catch (Exception error)
#pragma warning restore CA1031
        {
            GiveUp(connection, error);
        }
    }

    private void GiveUp(Connection connection, Exception error)
    {
        _server.Reporter.Log($"a connection of identity {connection.Flow.Source} is given up: {error}", isError: true);
        connection.Reset();
    }

    private void Accept(int listener)
    {
        for (int i = 0; i < AcceptsAtOnce && _accepts; i++)
        {
            int client = TcpSocket.Accept(listener, out IPEndPoint source);
            if (client < 0)
            {
                if (client is -Errno.TooManyFiles)
                {
                    _server.OnTooManyFiles();
                }

                return;
            }

            Admit(new Arrival(client, null, source, TcpSocket.LocalEndPoint(client)));
        }
    }

    private void Admit(in Arrival arrival)
    {
        Counters.Connections++;
        Counters.TakenOver += arrival.Server is null ? 0 : 1;
        if (!_server.Flows.TryFind(arrival.Source, arrival.Destination, out ProxyFlow flow))
        {
            Counters.Strays++;
            Refuse(in arrival);
        }
        else if (!_server.TryTake(flow.SourceEndpoint))
        {
            Refuse(in arrival);
        }
        else
        {
            Add(in arrival, in flow);
        }
    }

    private static void Refuse(in Arrival arrival)
    {
        TcpSocket.Reset(arrival.Client);
        if (arrival.Server is { } server)
        {
            TcpSocket.Reset(server);
        }
    }

    private void Add(in Arrival arrival, in ProxyFlow flow)
    {
        if (!_free.TryPop(out int slot))
        {
            slot = _connections.Count;
            _connections.Add(null);
        }

        _generation = (_generation + 1) & 0x7FFFFFFF;
        Counters.Open++;
        Tenant tenant = _tenants.Join(flow.SourceEndpoint, arrival.Source.Address);
        var connection = new Connection(State, tenant, slot, _generation, in arrival, in flow);
        _connections[slot] = connection;
        connection.Begin();
    }

    private void Tick()
    {
        uint revision = _server.Flows.Revision;
        bool changed = revision != _revision;
        _revision = revision;
        for (int i = 0; i < _connections.Count; i++)
        {
            if (_connections[i] is { } connection)
            {
                try
                {
                    connection.OnTick(changed);
                }
#pragma warning disable CA1031 // as above
                catch (Exception error)
#pragma warning restore CA1031
                {
                    GiveUp(connection, error);
                }
            }
        }
    }
}
