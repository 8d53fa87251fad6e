// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>After an allowed handshake (CONNECT, WebSocket): bytes both ways, neither read nor judged.</summary>
/// <param name="exchange">The handshake; null: there was none.</param>
internal class TunnelSession(Connection connection, Exchange? exchange) : Session(connection)
{
    private bool _clientEnded;
    private bool _serverEnded;

    public override int OnClientData(ReadOnlySpan<byte> data)
    {
        if (exchange is not null)
        {
            exchange.RequestBytes += data.Length;
        }

        Connection.SendToServer(data);
        return data.Length;
    }

    public override int OnServerData(ReadOnlySpan<byte> data)
    {
        if (exchange is not null)
        {
            exchange.ResponseBytes += data.Length;
        }

        Connection.SendToClient(data);
        return data.Length;
    }

    public override void OnClientEnd()
    {
        _clientEnded = true;
        Connection.EndToServer();
        CloseIfBothEnded();
    }

    public override void OnServerEnd()
    {
        _serverEnded = true;
        Connection.EndToClient();
        CloseIfBothEnded();
    }

    public override void OnServerFailed(int errno) => Connection.Reset();

    public override void OnDeadline()
    {
    }

    public override void OnClosed()
    {
        if (exchange is not null)
        {
            Connection.Report(exchange);
        }
    }

    private void CloseIfBothEnded()
    {
        if (_clientEnded && _serverEnded)
        {
            Connection.CloseWhenSent();
        }
    }
}
