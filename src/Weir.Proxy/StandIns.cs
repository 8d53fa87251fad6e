// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>The sockets by which the proxy takes over a connection in its middle: to each end one that stands for the other. Neither
/// end notices: what both have sent so far has arrived, but for what is in the client's socket to be read.</summary>
internal readonly struct StandIns
{
    /// <summary>Time stamps go on from what was seen of them, so far behind that none was missed that is on its way still.</summary>
    private const uint StampsAheadMs = 1000;

    private StandIns(int client, int server) => (Client, Server) = (client, server);

    /// <summary>Stands for the server.</summary>
    public int Client { get; }

    /// <summary>Stands for the client.</summary>
    public int Server { get; }

    /// <summary>Makes both, mute until <see cref="Start"/>.</summary>
    /// <param name="received">What the client has sent and nobody has judged.</param>
    /// <returns>False: the connection is the proxy's already.</returns>
    /// <exception cref="LinuxException">They cannot be made.</exception>
    public static bool TryMake(in TakeOver connection, ReadOnlySpan<byte> received, out StandIns sockets)
    {
        sockets = default;
        if (!TcpRepair.TryMake(BeforeClient(in connection), received, (uint)ProxyMark.MarkFromProxy, out int client))
        {
            return false;
        }

        int server = -1;
        try
        {
            if (TcpRepair.TryMake(BeforeServer(in connection), [], (uint)ProxyMark.MarkFromProxy, out server))
            {
                sockets = new StandIns(client, server);
            }
        }
        finally
        {
            if (server < 0)
            {
                TcpSocket.Close(client);
            }
        }

        return server >= 0;
    }

    /// <summary>Lets both speak: once packets are led to them.</summary>
    /// <exception cref="LinuxException">One of them stays mute.</exception>
    public void Start(in TakeOver connection)
    {
        TcpSocket.Tune(Client, Worker.KeepAliveSeconds);
        TcpSocket.Tune(Server, Worker.KeepAliveSeconds);
        TcpRepair.Start(Client, asks: BeforeClient(in connection).RemoteWindow == 0);
        TcpRepair.Start(Server, asks: BeforeServer(in connection).RemoteWindow == 0);
    }

    /// <summary>Lets go of both; while they are mute nobody hears of it.</summary>
    public void Close()
    {
        TcpSocket.Close(Client);
        TcpSocket.Close(Server);
    }

    public static IPEndPoint ClientOf(in TakeOver connection) => new(connection.Client.ToIPAddress(), connection.ClientPort.Value);

    public static IPEndPoint ServerOf(in TakeOver connection) => new(connection.Server.ToIPAddress(), connection.ServerPort.Value);

    /// <summary>What the server knows of the connection.</summary>
    internal static TcpState BeforeClient(in TakeOver connection)
    {
        (byte client, byte server) = Scales(in connection);
        return new TcpState
        {
            Local = ServerOf(in connection),
            Remote = ClientOf(in connection),
            Send = connection.Ack,
            Receive = connection.Seq,
            RemoteMss = MssOf(connection.ClientMss),
            RemoteWindow = (uint)connection.ClientWindow << client,
            LocalScale = server,
            RemoteScale = client,
            HasSack = connection.Flags.HasFlag(TakeOverFlag.Sack),
            Stamp = connection.Flags.HasFlag(TakeOverFlag.Stamps) ? connection.ServerStamp + StampsAheadMs : null,
        };
    }

    /// <summary>What the client knows of it, but for what it has sent since.</summary>
    internal static TcpState BeforeServer(in TakeOver connection)
    {
        (byte client, byte server) = Scales(in connection);
        ushort mss = MssOf(connection.ServerMss);
        return new TcpState
        {
            Local = ClientOf(in connection),
            Remote = ServerOf(in connection),
            Send = connection.Seq,
            Receive = connection.Ack,
            RemoteMss = mss,
            // Before the first bytes there may be a handshake only (TCP_DEFER_ACCEPT). The answer to a question would have a time stamp
            // whose echo a server takes for forged, since no SYN of its had it; for one segment there is room at a beginning.
            RemoteWindow = connection.Flags.HasFlag(TakeOverFlag.First) ? mss : 0u,
            LocalScale = client,
            RemoteScale = server,
            HasSack = connection.Flags.HasFlag(TakeOverFlag.Sack),
            Stamp = connection.Flags.HasFlag(TakeOverFlag.Stamps) ? connection.ClientStamp + StampsAheadMs : null,
        };
    }

    private static (byte Client, byte Server) Scales(in TakeOver connection)
    {
        const byte None = (byte)HttpFlowLimit.HttpNoScale;
        return connection.ClientScale == None || connection.ServerScale == None ? default : (connection.ClientScale, connection.ServerScale);
    }

    private static ushort MssOf(ushort said) => said == 0 ? TcpState.DefaultMss : said;
}
