// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using Google.Protobuf;
using Weir.Api;
using Weir.Datapath;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// A client's connection and the one to its server: sockets and what waits to be sent. What passes between
/// them is the <see cref="Session"/>'s to say. Called by its worker's thread alone.
/// </summary>
internal sealed class Connection
{
    private const int LingerMs = 2000;
    private const int StuckMs = 60_000;
    private const int MuchOwed = 64 * 1024;
    private const int LongHead = 8 * 1024;
    private const int None = -1;
    private readonly IPEndPoint _source;
    private readonly int _slot;
    private readonly uint _generation;
    private Session _session;
    private ProxyFlow _flow;
    private int _client;
    private int _server = None;
    private EpollEvents _clientWatch = EpollEvents.Readable;
    private EpollEvents _serverWatch;
    private ByteQueue _toClient;
    private ByteQueue _toServer;
    private ByteQueue _fromClient; // not used by the session yet
    private ByteQueue _fromServer;
    private int _waiting;
    private bool _isConnecting;
    private bool _clientEnded;
    private bool _serverEnded;
    private bool _endToServer;
    private bool _endToClient;
    private bool _isResumed;
    private bool _isLingering;
    private long _lingerUntil;

    public Connection(Worker worker, int slot, uint generation, int client, IPEndPoint source, IPEndPoint destination, in ProxyFlow flow)
    {
        Worker = worker;
        _slot = slot;
        _generation = generation;
        _client = client;
        _source = source;
        Destination = destination;
        _flow = flow;
        _session = new Http1Session(this);
        worker.Poll.Add(client, _clientWatch, Token(ofServer: false));
    }

    public Worker Worker { get; }

    /// <summary>Where the client meant to go.</summary>
    public IPEndPoint Destination { get; }

    /// <summary>Whose it is, as the datapath said last.</summary>
    public ref readonly ProxyFlow Flow => ref _flow;

    public bool IsClosed => _client == None;

    /// <summary>Nothing more goes to the client: each send may bring that about.</summary>
    public bool IsOver => IsClosed || _isLingering;

    /// <summary>Nothing more is read from the client until <see cref="ResumeClient"/>.</summary>
    public bool HoldClient { get; set; }

    public bool IsOf(uint generation) => _generation == generation;

    /// <summary>A client that asks and does not take the answers gets no more of them for now.</summary>
    public bool OwesMuch => _toClient.Length >= MuchOwed;

    /// <summary>What is spoken from here on.</summary>
    public void Become(Session session) => _session = session;

    /// <summary>Reads from the client again, what is left over first.</summary>
    public void ResumeClient()
    {
        HoldClient = false;
        _isResumed = true;
    }

    /// <summary>Asks the datapath again whose the flow is, if policy has changed since.</summary>
    /// <returns>False: policy does not let it through any more.</returns>
    public bool RefreshFlow()
    {
        if (_flow.Revision == Worker.Flows.Revision)
        {
            return true;
        }

        return Worker.Flows.TryFind(_source, Destination, out _flow);
    }

    /// <summary>Opens the connection to the server, if there is none.</summary>
    public void NeedServer()
    {
        if (_server != None || IsClosed)
        {
            return;
        }

        const uint Mark = (uint)Datapath.Abi.ProxyMark.MarkFromProxy;
        // Towards a container from the client's own address; what leaves the host is masqueraded anyway.
        IPEndPoint? source = _flow.DestinationEndpoint == 0 ? null : _source;
        int server = TcpSocket.Connect(Destination, source, Mark);
        if (server is -Errno.AddressInUse or -Errno.AddressNotAvailable && source is not null)
        {
            server = TcpSocket.Connect(Destination, new IPEndPoint(_source.Address, 0), Mark);
        }

        if (server < 0)
        {
            _session.OnServerFailed(-server);
            return;
        }

        _server = server;
        _isConnecting = true;
        _serverWatch = EpollEvents.Writable;
        Worker.Poll.Add(_server, _serverWatch, Token(ofServer: true));
    }

    public void SendToServer(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty || IsClosed)
        {
            return;
        }

        if (_server == None || _isConnecting || !_toServer.IsEmpty)
        {
            _toServer.Append(data);
            return;
        }

        int sent = TcpSocket.Send(_server, data);
        if (sent < 0 && sent != -Errno.TryAgain)
        {
            OnServerError();
            return;
        }

        _toServer.Append(data[Math.Max(sent, 0)..]);
    }

    public void SendToClient(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty || IsClosed)
        {
            return;
        }

        if (!_toClient.IsEmpty)
        {
            _toClient.Append(data);
            return;
        }

        int sent = TcpSocket.Send(_client, data);
        if (sent < 0 && sent != -Errno.TryAgain)
        {
            Reset();
            return;
        }

        _toClient.Append(data[Math.Max(sent, 0)..]);
    }

    /// <summary>Tells the server, behind what waits, that the client sends no more.</summary>
    public void EndToServer()
    {
        _endToServer = true;
        if (_toServer.IsEmpty && _server != None && !_isConnecting)
        {
            TcpSocket.ShutdownSend(_server);
        }
    }

    /// <summary>Tells the client, behind what waits, that the server sends no more.</summary>
    public void EndToClient()
    {
        _endToClient = true;
        if (_toClient.IsEmpty && !IsClosed)
        {
            TcpSocket.ShutdownSend(_client);
        }
    }

    /// <summary>Closes both sides when what waits is sent.</summary>
    public void CloseWhenSent()
    {
        _lingerUntil = Worker.Now + LingerMs;
        EndToClient();
        EndToServer();
        if (_toClient.IsEmpty && _toServer.IsEmpty)
        {
            Close(reset: false);
        }
    }

    /// <summary>
    /// Ends the client's connection after what waits, and takes in for a while what it still sends: closed
    /// at once, the kernel would answer that with a reset, and the client might not see the answer.
    /// </summary>
    public void CloseGently()
    {
        _isLingering = true;
        _lingerUntil = Worker.Now + LingerMs;
        HoldClient = false;
        _fromClient.Clear();
        EndToClient();
        CloseServer(reset: false);
        if (_clientEnded && _toClient.IsEmpty)
        {
            Close(reset: false);
        }
    }

    /// <summary>Ends both sides at once.</summary>
    public void Reset() => Close(reset: true);

    /// <summary>Something happened to one of the sockets.</summary>
    public void OnEvent(bool ofServer, EpollEvents events)
    {
        if (IsClosed || (ofServer && _server == None))
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

        while (_isResumed && !IsClosed && !_isLingering)
        {
            _isResumed = false;
            FeedFromClient();
        }

        Watch();
    }

    /// <summary>Once a second.</summary>
    public void OnTick(bool policyChanged)
    {
        if (_lingerUntil != 0 && Worker.Now > _lingerUntil + (_toClient.IsEmpty ? 0 : StuckMs))
        {
            Close(reset: !_toClient.IsEmpty);
        }
        else if (_session.Deadline != 0 && Worker.Now > _session.Deadline)
        {
            _session.OnDeadline();
            Watch();
        }
        else if (policyChanged && !RefreshFlow())
        {
            Reset();
        }
    }

    /// <summary>Tells of a request that is over.</summary>
    public void Report(Exchange exchange)
    {
        long latencyUs = (long)Stopwatch.GetElapsedTime(exchange.Started).TotalMicroseconds;
        Worker.Counters.Count(exchange.Verdict, exchange.Status, latencyUs, exchange.RequestBytes, exchange.ResponseBytes);
        if (exchange.Verdict == AccessVerdict.Allowed && !Worker.Reporter.WantsAllowed)
        {
            return;
        }

        Worker.Reporter.Access(new ProxyAccess
        {
            TimeUs = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond,
            LatencyUs = (ulong)latencyUs,
            Source = ByteString.CopyFrom(_source.Address.GetAddressBytes()),
            SourcePort = (uint)_source.Port,
            Destination = ByteString.CopyFrom(Destination.Address.GetAddressBytes()),
            DestinationPort = (uint)Destination.Port,
            SourceIdentity = _flow.Source.Value,
            DestinationIdentity = _flow.Destination.Value,
            SourceEndpoint = _flow.SourceEndpoint,
            DestinationEndpoint = _flow.DestinationEndpoint,
            Method = exchange.Method,
            Path = exchange.Path,
            Host = exchange.Host,
            Protocol = exchange.Protocol,
            Status = (uint)exchange.Status,
            Verdict = exchange.Verdict,
            RuleId = exchange.RuleId,
            Ingress = exchange.Ingress,
            Policy = exchange.Policy,
            RequestBytes = (ulong)exchange.RequestBytes,
            ResponseBytes = (ulong)exchange.ResponseBytes,
            Detail = exchange.Detail,
        });
    }

    private void OnClientEvent(EpollEvents events)
    {
        if ((events & EpollEvents.Writable) != 0)
        {
            if (!Flush(ref _toClient, _client))
            {
                Reset();
                return;
            }

            _lingerUntil = _lingerUntil == 0 ? 0 : Worker.Now + LingerMs;
            if (_toClient.IsEmpty)
            {
                _session.OnClientHasTaken();
            }
        }

        if (_endToClient && _toClient.IsEmpty && (events & EpollEvents.Writable) != 0)
        {
            TcpSocket.ShutdownSend(_client);
            if (_lingerUntil != 0 && !_isLingering && _toServer.IsEmpty)
            {
                Close(reset: false);
                return;
            }
        }

        if ((events & (EpollEvents.Readable | EpollEvents.HangUp | EpollEvents.Error)) == 0)
        {
            return;
        }

        // Behind what is left over from before.
        Span<byte> buffer = Worker.ClientBuffer;
        int before = Take(ref _fromClient, buffer);
        int received = TcpSocket.Receive(_client, buffer.Slice(before, Math.Min(buffer.Length - before, Worker.ReadBytes)));
        if (received > 0)
        {
            if (!_isLingering)
            {
                UseClientData(buffer[..(before + received)]);
                if (_fromClient.Length > LongHead && Worker.IsShortOfMemory && _session.Deadline != 0)
                {
                    _session.OnDeadline();
                }
            }

            return;
        }

        _fromClient.Append(buffer[..before]);
        if (received == -Errno.TryAgain)
        {
            return;
        }

        if (received < 0)
        {
            Reset();
        }
        else if (_isLingering)
        {
            Close(reset: false);
        }
        else if (!_clientEnded)
        {
            _clientEnded = true;
            _session.OnClientEnd();
        }
    }

    private void FeedFromClient()
    {
        Span<byte> buffer = Worker.ClientBuffer;
        int length = Take(ref _fromClient, buffer);
        if (length > 0)
        {
            UseClientData(buffer[..length]);
        }
    }

    private void UseClientData(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty && !IsClosed && !_isLingering)
        {
            Session session = _session;
            int used = session.OnClientData(data);
            data = data[used..];
            if (ReferenceEquals(session, _session))
            {
                break;
            }
        }

        if (!IsClosed && !_isLingering)
        {
            _fromClient.Append(data);
        }
    }

    private void OnServerEvent(EpollEvents events)
    {
        if (_isConnecting)
        {
            int error = TcpSocket.TakeError(_server);
            if (error != 0)
            {
                CloseServer(reset: false);
                _session.OnServerFailed(error);
                return;
            }

            _isConnecting = false;
            TcpSocket.Tune(_server, Worker.KeepAliveSeconds);
            events |= EpollEvents.Writable;
        }

        if ((events & EpollEvents.Writable) != 0)
        {
            if (!Flush(ref _toServer, _server))
            {
                OnServerError();
                return;
            }

            if (_endToServer && _toServer.IsEmpty)
            {
                TcpSocket.ShutdownSend(_server);
            }
        }

        if ((events & (EpollEvents.Readable | EpollEvents.HangUp | EpollEvents.Error)) == 0)
        {
            return;
        }

        Span<byte> buffer = Worker.ServerBuffer;
        int before = Take(ref _fromServer, buffer);
        int received = TcpSocket.Receive(_server, buffer.Slice(before, Math.Min(buffer.Length - before, Worker.ReadBytes)));
        if (received > 0)
        {
            UseServerData(buffer[..(before + received)]);
            return;
        }

        _fromServer.Append(buffer[..before]);
        if (received == 0 && !_serverEnded)
        {
            _serverEnded = true;
            _session.OnServerEnd();
        }
        else if (received is < 0 and not -Errno.TryAgain)
        {
            OnServerError();
        }
    }

    private void UseServerData(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty && !IsClosed && !_isLingering)
        {
            Session session = _session;
            data = data[session.OnServerData(data)..];
            if (ReferenceEquals(session, _session))
            {
                break;
            }
        }

        if (!IsClosed && !_isLingering)
        {
            _fromServer.Append(data);
        }
    }

    /// <summary>The server reset the connection: so does the proxy.</summary>
    private void OnServerError() => Reset();

    private static int Take(ref ByteQueue queue, Span<byte> buffer)
    {
        int length = queue.Length;
        queue.Span.CopyTo(buffer);
        queue.Clear();
        return length;
    }

    /// <summary>False: the connection is broken.</summary>
    private static bool Flush(ref ByteQueue queue, int fd)
    {
        while (!queue.IsEmpty)
        {
            int sent = TcpSocket.Send(fd, queue.Span);
            if (sent < 0)
            {
                return sent == -Errno.TryAgain;
            }

            queue.RemoveFirst(sent);
        }

        return true;
    }

    /// <summary>Reads from one end only while what came from it before has gone on to the other.</summary>
    private void Watch()
    {
        if (IsClosed)
        {
            return;
        }

        CountWaiting(_toClient.Length + _fromClient.Length + _toServer.Length + _fromServer.Length);

        EpollEvents client = _toClient.IsEmpty ? 0 : EpollEvents.Writable;
        if (!_clientEnded && (_isLingering || (!HoldClient && _toServer.IsEmpty)))
        {
            client |= EpollEvents.Readable;
        }

        if (client != _clientWatch)
        {
            _clientWatch = client;
            Worker.Poll.Modify(_client, client, Token(ofServer: false));
        }

        if (_server == None)
        {
            return;
        }

        EpollEvents server = _isConnecting || !_toServer.IsEmpty ? EpollEvents.Writable : 0;
        if (!_serverEnded && !_isConnecting && _toClient.IsEmpty)
        {
            server |= EpollEvents.Readable;
        }

        if (server != _serverWatch)
        {
            _serverWatch = server;
            Worker.Poll.Modify(_server, server, Token(ofServer: true));
        }
    }

    private void CountWaiting(int bytes)
    {
        Worker.Waiting += bytes - _waiting;
        _waiting = bytes;
    }

    private void CloseServer(bool reset)
    {
        if (_server == None)
        {
            return;
        }

        if (reset)
        {
            TcpSocket.Reset(_server);
        }
        else
        {
            TcpSocket.Close(_server);
        }

        _server = None;
        _toServer.Clear();
        _fromServer.Clear();
    }

    private void Close(bool reset)
    {
        if (IsClosed)
        {
            return;
        }

        int client = _client;
        _client = None;
        _session.OnClosed();
        if (reset)
        {
            TcpSocket.Reset(client);
        }
        else
        {
            TcpSocket.Close(client);
        }

        CloseServer(reset);
        _toClient.Clear();
        _fromClient.Clear();
        _toServer.Clear();
        CountWaiting(0);
        Worker.Forget(_slot, this);
    }

    private ulong Token(bool ofServer) => ((ulong)_generation << 32) | ((uint)_slot << 1) | (ofServer ? 1u : 0u);
}
