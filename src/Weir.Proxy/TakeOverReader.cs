// SPDX-License-Identifier: Apache-2.0
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
internal sealed class TakeOverReader(ProxyServer server) : DatapathReader<TakeOvers>("take-over", Path.ChangeExtension(server.Options.Socket, ".lock"))
{
    private const int TellEveryMs = 10_000;
    private static readonly TimeSpan _most = TimeSpan.FromMilliseconds(200); // that whoever stops it waits

    private long _toldMs = -TellEveryMs;

    /// <summary>Takes a connection over.</summary>
    /// <param name="received">The client's first bytes that nobody has judged.</param>
    /// <param name="complete">Told of the client and the server when sockets stand for both: leads their packets to these. False: nobody
    /// waits for that any more.</param>
    internal void TakeOver(in TakeOver connection, ReadOnlySpan<byte> received, Func<IPEndPoint, IPEndPoint, bool> complete)
    {
        if (Stops.IsSet || !server.HasRoom)
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

    protected override TakeOvers? TryOpen() => TakeOvers.TryOpen(server.Options.PinRoot);

    protected override void Read(TakeOvers source) =>
        source.Read((in TakeOver connection, ReadOnlySpan<byte> received) => TakeOver(in connection, received, source.Complete), _most);

    protected override bool IsReplaced(TakeOvers source) => source.AreReplaced(server.Options.PinRoot);

    /// <summary>The same thing may fail for every connection.</summary>
    protected override void Tell(Exception e)
    {
        long now = Environment.TickCount64;
        if (now - _toldMs >= TellEveryMs)
        {
            _toldMs = now;
            server.Reporter.Log($"a connection that is to be taken over waits: {e.Message}", isError: true);
        }
    }
}
