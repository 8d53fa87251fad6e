// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// A client's connection and the one to its server. What passes between them is the <see cref="Session"/>'s to
/// say. Called by its worker's thread alone.
/// </summary>
internal sealed class Connection
{
    private const int LingerMs = 2000;
    private const int MostLingerMs = 30_000;
    private const int StuckMs = 60_000;
    private const int MuchOwed = 64 * 1024;
    private const int LongHead = 2 * 1024;
    private const EpollEvents ToRead = EpollEvents.Readable | EpollEvents.PeerEnded | EpollEvents.HangUp | EpollEvents.Error;
    private readonly IPEndPoint _source;
    private readonly int _slot;
    private readonly uint _generation;
    private readonly ConnectionEnd _client;
    private readonly ConnectionEnd _server;
    private Session _session;
    private ProxyFlow _flow;
    private int _waiting;
    private bool _isResumed;
    private bool _waitsForTurn;
    private bool _isLingering;
    private long _lingerUntil;
    private long _lingerAtMost;

    /// <param name="slot">Where the worker keeps it.</param>
    /// <param name="generation">Of that slot: events of the connection before it are not its own.</param>
    /// <param name="tenant">Whose it is.</param>
    public Connection(WorkerState worker, Tenant tenant, int slot, uint generation, in Arrival arrival, in ProxyFlow flow)
    {
        Worker = worker;
        Tenant = tenant;
        _slot = slot;
        _generation = generation;
        _source = arrival.Source;
        Destination = arrival.Destination;
        _flow = flow;
        _session = Judge.Refuses(worker.Snapshot, in flow) ? new Http1Session(this, arrival.IsLater) : new AuditSession(this);
        _client = new ConnectionEnd(worker, tenant, Token(ofServer: false));
        _server = new ConnectionEnd(worker, tenant, Token(ofServer: true));
        _client.Open(arrival.Client);
        if (arrival.Server is { } server)
        {
            _server.Open(server);
        }
    }

    /// <summary>Begins, once whoever made it knows it.</summary>
    public void Begin()
    {
        _session.OnBegin();
        Watch();
    }

    public WorkerState Worker { get; }

    /// <summary>Whose turns and memory it uses.</summary>
    public Tenant Tenant { get; }

    /// <summary>Where the client meant to go.</summary>
    public IPEndPoint Destination { get; }

    /// <summary>Whose it is, as the datapath said last.</summary>
    public ref readonly ProxyFlow Flow => ref _flow;

    public bool IsClosed { get; private set; }

    /// <summary>Nothing more goes to the client: each send may bring that about.</summary>
    public bool IsOver => IsClosed || _isLingering;

    /// <summary>Nothing more is read from the client until <see cref="ResumeClient"/>.</summary>
    public bool HoldClient { get; set; }

    public bool IsOf(uint generation) => _generation == generation;

    /// <summary>A client that asks and does not take the answers gets no more of them for now.</summary>
    public bool OwesMuch => _client.Owed >= MuchOwed;

    /// <summary>Nor may it ask for more than the server takes.</summary>
    public bool OwesServerMuch => _server.Owed >= MuchOwed;

    /// <summary>What begins now is refused: too much waits already.</summary>
    public bool IsShortOfMemory => Worker.IsShortOfMemory(Tenant);

    /// <summary>What is spoken from here on.</summary>
    public void Become(Session session) => _session = session;

    /// <summary>Reads from the client again, what is left over first.</summary>
    public void ResumeClient()
    {
        if (_waitsForTurn)
        {
            return;
        }

        HoldClient = false;
        _isResumed = true;
    }

    /// <summary>Reads from the client again in its next turn, after others have had theirs.</summary>
    public void ResumeClientLater()
    {
        HoldClient = true;
        _waitsForTurn = true;
        Worker.Unfinished.Enqueue(this);
    }

    /// <summary>Its next turn has come.</summary>
    public void OnTurn()
    {
        _waitsForTurn = false;
        if (!IsOver)
        {
            ResumeClient();
            FeedFromClient();
            Watch();
        }
    }

    /// <summary>Asks the datapath again whose the flow is, if policy has changed since.</summary>
    /// <returns>False: policy does not let it through any more.</returns>
    public bool RefreshFlow() => _flow.Revision == Worker.Flows.Revision || Worker.Flows.TryFind(_source, Destination, out _flow);

    /// <summary>Opens the connection to the server, if there is none.</summary>
    public void NeedServer()
    {
        if (_server.IsOpen || IsClosed)
        {
            return;
        }

        // Towards a container from the client's own address; what leaves the host is masqueraded anyway.
        IPEndPoint? source = _flow.DestinationEndpoint == 0 ? null : _source;
        int server = Worker.Sockets.Connect(Destination, source);
        if (server is -Errno.AddressInUse or -Errno.AddressNotAvailable && source is not null)
        {
            server = Worker.Sockets.Connect(Destination, new IPEndPoint(_source.Address, 0));
        }

        if (server < 0)
        {
            _session.OnServerFailed(-server);
            return;
        }

        _server.OpenConnecting(server);
    }

    public void SendToServer(ReadOnlySpan<byte> data)
    {
        if (!data.IsEmpty && !IsOver && !_server.Send(data))
        {
            OnServerError();
        }
    }

    public void SendToClient(ReadOnlySpan<byte> data)
    {
        if (!data.IsEmpty && !IsOver && !_client.Send(data))
        {
            Reset();
        }
    }

    /// <summary>Sends what the event has gathered for the server.</summary>
    public void FlushToServer()
    {
        SendToServer(Worker.ToServer.Written);
        Worker.ToServer.Clear();
    }

    /// <summary>Likewise for the client.</summary>
    public void FlushToClient()
    {
        SendToClient(Worker.ToClient.Written);
        Worker.ToClient.Clear();
    }

    /// <summary>Tells the server, behind what waits, that the client sends no more.</summary>
    public void EndToServer() => _server.End();

    /// <summary>Tells the client, behind what waits, that the server sends no more.</summary>
    public void EndToClient() => _client.End();

    /// <summary>Closes both sides when what waits is sent.</summary>
    public void CloseWhenSent()
    {
        _lingerUntil = Worker.Now + LingerMs;
        EndToClient();
        EndToServer();
        if (_client.Owed == 0 && _server.Owed == 0)
        {
            Close(reset: false);
        }
    }

    /// <summary>
    /// Ends the client's connection after what waits and these bytes, and takes in for a while what it still sends:
    /// closed at once, the kernel would answer that with a reset, and the client might not see the answer.
    /// </summary>
    public void CloseGently(ReadOnlySpan<byte> last = default)
    {
        _server.Close(reset: false);
        Finish(last, isClientDone: false);
    }

    /// <summary>
    /// Likewise, but the server ends by itself, as it was asked to. The client gets these bytes and the end in one
    /// packet: it would else have the whole answer before the end, close first, and lose its port to TIME_WAIT.
    /// </summary>
    /// <param name="isClientDone">The client has said that it asks nothing more: nothing is waited for from it.</param>
    public void Finish(ReadOnlySpan<byte> last, bool isClientDone)
    {
        if (IsOver)
        {
            CloseIfDone();
            return;
        }

        _isLingering = true;
        _lingerUntil = Worker.Now + LingerMs;
        _lingerAtMost = Worker.Now + MostLingerMs;
        HoldClient = false;
        _client.TakeNothingMore();
        if (!_client.SendLast(last, closes: isClientDone || _client.HasEnded))
        {
            Reset();
            return;
        }

        CloseIfDone();
    }

    /// <summary>Ends both sides at once.</summary>
    public void Reset() => Close(reset: true);

    /// <summary>Something happened to one of the sockets.</summary>
    public void OnEvent(bool ofServer, EpollEvents events)
    {
        if (IsClosed || !(ofServer ? _server : _client).IsOpen)
        {
            return;
        }

        if (ofServer)
        {
            OnServerEvent(events);
        }
        else
        {
            OnClientEvent(events);
        }

        FeedFromClient();
        Watch();
    }

    /// <summary>Once a second.</summary>
    public void OnTick(bool policyChanged)
    {
        _server.OnTick();
        if (_lingerUntil != 0 && Worker.Now > _lingerUntil + (_client.Owed == 0 ? 0 : StuckMs))
        {
            Close(reset: _client.Owed > 0);
        }
        else if (!_isLingering && _session.Deadline != 0 && Worker.Now > _session.Deadline)
        {
            _session.OnDeadline();
            Watch();
        }
        else if (policyChanged && !RefreshFlow())
        {
            Reset();
        }
        else if (policyChanged)
        {
            _session.OnPolicyChanged();
        }
    }

    /// <summary>Tells of a request that is over.</summary>
    public void Report(Exchange exchange) => AccessRecord.Report(Worker, exchange, _source, Destination, in _flow);

    private void OnClientEvent(EpollEvents events)
    {
        if ((events & EpollEvents.Writable) != 0)
        {
            OnClientWritable();
        }

        if (IsClosed || (events & ToRead) == 0)
        {
            return;
        }

        if (_client.HasEnded)
        {
            OnHangUp(_client);
            return;
        }

        Span<byte> buffer = Worker.ClientBuffer;
        int received = _client.Receive(buffer, out int length);
        if (received > 0)
        {
            // A client in the middle of a long body looks for its answer when it is done with it.
            _lingerUntil = _isLingering ? Math.Min(Worker.Now + LingerMs, _lingerAtMost) : _lingerUntil;
            UseClientData(buffer[..length]);
            if (_session.Deadline != 0 && _client.Unused + _session.Memory > LongHead && IsShortOfMemory)
            {
                _session.OnDeadline();
            }

            return;
        }

        _client.Keep(buffer[..length]);
        if (received == 0)
        {
            OnClientEnd();
        }
        else if (received != -Errno.TryAgain)
        {
            Reset();
        }
    }

    private void FeedFromClient()
    {
        while (_isResumed && !IsOver)
        {
            _isResumed = false;
            Span<byte> buffer = Worker.ClientBuffer;
            UseClientData(buffer[.._client.TakeUnused(buffer)]);
        }
    }

    private void OnClientWritable()
    {
        if (!_client.Flush())
        {
            Reset();
            return;
        }

        _lingerUntil = _lingerUntil == 0 ? 0 : Worker.Now + LingerMs;
        if (_client.Owed > 0)
        {
            return;
        }

        _session.OnClientHasTaken();
        CloseIfDone();
    }

    private void OnClientEnd()
    {
        _client.HasEnded = true;
        if (_isLingering)
        {
            CloseIfDone();
        }
        else
        {
            _session.OnClientEnd();
        }
    }

    private void UseClientData(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty && !IsOver)
        {
            Session session = _session;
            data = data[session.OnClientData(data)..];
            if (ReferenceEquals(session, _session))
            {
                break;
            }
        }

        if (!IsOver)
        {
            _client.Keep(data);
        }
    }

    private void OnServerEvent(EpollEvents events)
    {
        if (_server.IsConnecting)
        {
            int error = _server.Connected();
            if (error != 0)
            {
                _server.Close(reset: false);
                _session.OnServerFailed(error);
                return;
            }

            events |= EpollEvents.Writable;
        }

        if ((events & EpollEvents.Writable) != 0 && !FlushServer())
        {
            return;
        }

        if ((events & ToRead) == 0)
        {
            return;
        }

        if (_server.HasEnded)
        {
            OnHangUp(_server);
            return;
        }

        Span<byte> buffer = Worker.ServerBuffer;
        int received = _server.Receive(buffer, out int length);
        if (received > 0)
        {
            UseServerData(buffer[..length]);
            if (_isLingering && (events & EpollEvents.PeerEnded) != 0)
            {
                OnServerEnd(); // whatever it said behind its answer
            }

            return;
        }

        _server.Keep(buffer[..length]);
        if (received == 0)
        {
            OnServerEnd();
        }
        else if (received != -Errno.TryAgain)
        {
            OnServerError();
        }
    }

    /// <returns>False: nothing more is to be done with the server.</returns>
    private bool FlushServer()
    {
        if (!_server.Flush())
        {
            OnServerError();
            return false;
        }

        if (_server.Owed == 0)
        {
            _session.OnServerHasTaken();
        }

        CloseIfDone();
        return _server.IsOpen;
    }

    private void UseServerData(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty && !IsOver)
        {
            Session session = _session;
            data = data[session.OnServerData(data)..];
            if (ReferenceEquals(session, _session))
            {
                break;
            }
        }

        if (!IsOver)
        {
            _server.Keep(data);
        }
    }

    private void OnServerEnd()
    {
        _server.HasEnded = true;
        if (_isLingering)
        {
            _server.Close(reset: false);
            CloseIfDone();
        }
        else
        {
            _session.OnServerEnd();
        }
    }

    /// <summary>The server reset the connection: so does the proxy, unless it has answered already.</summary>
    private void OnServerError()
    {
        if (_isLingering)
        {
            _server.Close(reset: false);
            CloseIfDone();
        }
        else
        {
            Reset();
        }
    }

    /// <summary>An end that had sent all it would is gone. Where it still gets something, nobody is left to take it;
    /// where all was said, the other end may go on, and the kernel would tell of this one for ever.</summary>
    private void OnHangUp(ConnectionEnd end)
    {
        if (end.IsShut)
        {
            end.Unwatch();
        }
        else
        {
            Reset();
        }
    }

    /// <summary>Closes when the connection is to be closed and both ends have what waited for them.</summary>
    private void CloseIfDone()
    {
        if (_lingerUntil != 0 && _client.Owed == 0 && _server.Owed == 0 && (!_isLingering || ((_client.HasEnded || !_client.IsOpen) && !_server.IsOpen)))
        {
            Close(reset: false);
        }
    }

    /// <summary>Reads from one end only while what came from it before has gone on to the other.</summary>
    private void Watch()
    {
        if (IsClosed)
        {
            return;
        }

        CountWaiting(_client.Memory + _server.Memory + _session.Memory);
        _client.Watch(reads: _isLingering || (!HoldClient && _server.Owed == 0));
        _server.Watch(reads: _isLingering || _client.Owed == 0);
    }

    private void CountWaiting(int bytes)
    {
        Worker.Waiting += bytes - _waiting;
        Tenant.Waiting += bytes - _waiting;
        _waiting = bytes;
    }

    private void Close(bool reset)
    {
        if (IsClosed)
        {
            return;
        }

        IsClosed = true;
        _client.Close(reset);
        _session.OnClosed();
        _server.Close(reset);
        _server.Forget();
        CountWaiting(0);
        Worker.Forget(_slot, this);
    }

    private ulong Token(bool ofServer) => ((ulong)_generation << 32) | ((uint)_slot << 1) | (ofServer ? 1u : 0u);
}
