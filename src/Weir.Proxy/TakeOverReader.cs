// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Net;

namespace Weir.Proxy;

/// <summary>
/// Takes over connections in their middle when the datapath asks for it: requests that it judges on their way, without the
/// proxy, until one comes that is not plainly allowed. What cannot be taken over now is asked for again.
/// </summary>
internal sealed class TakeOverReader(ProxyServer server) : IDisposable
{
    private const int TellEveryMs = 10_000;
    private static readonly TimeSpan _most = TimeSpan.FromMilliseconds(200); // that whoever stops it waits
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(1);

    private readonly ManualResetEventSlim _stops = new();
    private GuardedThread? _thread;
    private long _toldMs = -TellEveryMs;

    public void Start() => _thread = GuardedThread.Lasting("take-over", Run, Tell).Start();

    /// <summary>Takes nothing more over; whoever waits for its turn may.</summary>
    public void Stop()
    {
        _stops.Set();
        _thread?.Join();
        _thread = null;
    }

    public void Dispose()
    {
        Stop();
        _stops.Dispose();
    }

    /// <summary>Takes a connection over.</summary>
    /// <param name="received">The client's first bytes that nobody has judged.</param>
    /// <param name="complete">Told of the client and the server when sockets stand for both: leads their packets to these. False: nobody
    /// waits for that any more.</param>
    internal void TakeOver(in TakeOver connection, ReadOnlySpan<byte> received, Func<IPEndPoint, IPEndPoint, bool> complete)
    {
        if (_stops.IsSet || !server.HasRoom)
        {
            return;
        }

        StandIns sockets = default;
        bool isTaken = false;
        bool isMade = false;
        try
        {
            isMade = StandIns.TryMake(in connection, received, out sockets);
            (IPEndPoint source, IPEndPoint destination) = (StandIns.ClientOf(in connection), StandIns.ServerOf(in connection));
            // Packets are led to sockets, never to nobody; sockets speak where packets are led, never past them.
            if (isMade && complete(source, destination))
            {
                sockets.Start(in connection);
                isTaken = true;
                server.Give(new Arrival(sockets.Client, sockets.Server, source, destination, IsLater: !connection.Flags.HasFlag(TakeOverFlag.First)));
            }
        }
        catch (LinuxException e) when (e.Number == Errno.TooManyFiles)
        {
            server.OnTooManyFiles();
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            Tell(e);
        }
        finally
        {
            if (isMade && !isTaken)
            {
                sockets.Close();
            }
        }
    }

    private void Run()
    {
        using FileLock? turn = ReaderTurn.Await(Path.ChangeExtension(server.Options.Socket, ".lock"), _stops);
        while (!_stops.IsSet)
        {
            using TakeOvers? waiting = TakeOvers.TryOpen(server.Options.PinRoot);
            if (waiting is not null)
            {
                Read(waiting);
            }
            else
            {
                _stops.Wait(_lookEvery); // for an agent that knows of them
            }
        }
    }

    /// <summary>Until an agent has put others in the place of these.</summary>
    private void Read(TakeOvers waiting)
    {
        long looked = Stopwatch.GetTimestamp();
        while (!_stops.IsSet)
        {
            waiting.Read((in TakeOver connection, ReadOnlySpan<byte> received) => TakeOver(in connection, received, waiting.Complete), _most);
            if (Stopwatch.GetElapsedTime(looked) >= _lookEvery)
            {
                looked = Stopwatch.GetTimestamp();
                if (waiting.AreReplaced(server.Options.PinRoot))
                {
                    return;
                }
            }
        }
    }

    /// <summary>The same thing may fail for every connection.</summary>
    private void Tell(Exception e)
    {
        long now = Environment.TickCount64;
        if (now - _toldMs >= TellEveryMs)
        {
            _toldMs = now;
            server.Reporter.Log($"a connection that is to be taken over waits: {e.Message}", isError: true);
        }
    }
}
