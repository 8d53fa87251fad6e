// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Http1;

namespace Weir.Proxy;

/// <summary>
/// The requests of a connection that are not answered yet, in their order, and the answers: the server's, which
/// are followed only to know where they end, and the proxy's own, each when its turn has come.
/// </summary>
internal sealed class Http1Answers(Connection connection)
{
    private readonly Queue<Exchange> _exchanges = new(1);
    private ResponseReader _responses = new();
    private Exchange? _switching;

    /// <summary>Requests that are not answered.</summary>
    public int Count => _exchanges.Count;

    /// <summary>The server may change the protocol: nothing behind the request's end is known to be HTTP.</summary>
    public bool MaySwitch => _switching is not null;

    /// <summary>A request that goes on to the server, or whose answer is the proxy's own.</summary>
    public void Add(Exchange exchange)
    {
        _exchanges.Enqueue(exchange);
        if (exchange.Answer is not null)
        {
            GiveOwn();
        }
        else if (exchange.SwitchesProtocol)
        {
            _switching = exchange;
        }
    }

    /// <summary>What the server sent.</summary>
    /// <returns>Bytes used.</returns>
    public int Read(ReadOnlySpan<byte> data)
    {
        var used = 0;
        var passed = 0; // from here to "used" is what goes on
        while (used < data.Length)
        {
            if (_responses.IsBetween && data[used] is (byte)'\r' or (byte)'\n')
            {
                used++; // some servers end an answer with an empty line
                continue;
            }

            if (!_exchanges.TryPeek(out var exchange))
            {
                connection.SendToClient(data[passed..used]);
                EndUnasked();
                return data.Length;
            }

            var length = _responses.Read(data[used..], exchange.IsHead, exchange.IsConnect, out var head);
            if (length == 0)
            {
                break;
            }

            exchange.ResponseBytes += length;
            used += length;
            if (head is { } answer && OnHead(exchange, answer))
            {
                break;
            }

            if (_responses.IsBetween && head is not { IsInterim: true })
            {
                Complete(exchange, data[passed..used]);
                passed = used;
                if (connection.IsOver)
                {
                    return data.Length;
                }
            }
        }

        connection.SendToClient(data[passed..used]);
        return used;
    }

    /// <summary>The client takes the answer for ended, or does not wait for its end. Where the answer does not say
    /// where that is, it might be waited for in vain.</summary>
    public void OnRequestBehindTheLast()
    {
        if (_responses.IsDoubtful && _exchanges.TryPeek(out var exchange))
        {
            exchange.Detail = "the answer does not say where it ends: the connection ends with it";
            connection.CloseGently();
        }
    }

    /// <summary>The server sends no more.</summary>
    public void OnServerEnd()
    {
        if (_responses.IsUntilClose && _exchanges.TryDequeue(out var exchange))
        {
            connection.Report(exchange);
        }

        connection.CloseGently();
    }

    /// <summary>A request that is under way has turned out to be none.</summary>
    /// <param name="answer">What the client is told, if the server has not begun to answer.</param>
    public void Fail(Exchange exchange, byte[] answer)
    {
        exchange.IsLast = true;
        if (exchange.Status != 0)
        {
            // The client has a part of an answer that will not go on.
            connection.CloseGently();
            return;
        }

        exchange.Status = 400;
        exchange.Answer = answer;
        GiveOwn();
    }

    /// <summary>There is no server.</summary>
    public void Fail(string detail)
    {
        if (!_exchanges.TryPeek(out var exchange) || exchange.Status != 0)
        {
            connection.Reset();
            return;
        }

        exchange.Verdict = AccessVerdict.Failed;
        exchange.Status = 502;
        exchange.Detail = detail;
        _exchanges.Dequeue();
        connection.Report(exchange);
        connection.CloseGently(Answers.Make(502, detail, close: true, exchange.IsHead));
    }

    /// <summary>The connection is over.</summary>
    public void OnClosed()
    {
        while (_exchanges.TryDequeue(out var exchange))
        {
            exchange.Detail = exchange.Detail.Length > 0 ? exchange.Detail : Exchange.ClosedEarly;
            connection.Report(exchange);
        }
    }

    /// <summary>True: the connection speaks something else from here on, or is over.</summary>
    private bool OnHead(Exchange exchange, ResponseHead answer)
    {
        if (answer.IsInterim)
        {
            return false;
        }

        exchange.Status = answer.Status;
        exchange.IsLast |= !answer.KeepAlive;
        var isAgreed = answer.Status == 101 || (exchange.IsConnect && answer.Status is >= 200 and < 300);
        if (isAgreed && (exchange != _switching || exchange.HasBodyToCome))
        {
            exchange.Verdict = AccessVerdict.Failed;
            exchange.Detail = exchange == _switching
                ? "the server changed the protocol before the request's end"
                : "the server changed to a protocol whose requests cannot be judged";
            connection.Reset();
            return true;
        }

        if (exchange != _switching)
        {
            return false;
        }

        _switching = null;
        connection.ResumeClient();
        if (isAgreed)
        {
            _exchanges.Clear();
            connection.Become(exchange.Upgrade == UpgradeKind.Http2 ? new Http2Session(connection, exchange) : new TunnelSession(connection, exchange));
        }

        return isAgreed;
    }

    /// <param name="last">The last bytes of its answer.</param>
    private void Complete(Exchange exchange, ReadOnlySpan<byte> last)
    {
        _exchanges.Dequeue();
        if (exchange.HasBodyToCome)
        {
            // Whether the server takes the rest for a body is its secret: it does not get it.
            exchange.Detail = exchange.Detail.Length > 0 ? exchange.Detail : "answered before the request's end: the connection ends with it";
            connection.Report(exchange);
            connection.CloseGently(last);
            return;
        }

        connection.Report(exchange);
        if (exchange.IsLast)
        {
            connection.Finish(last, exchange.IsClientDone);
            return;
        }

        connection.SendToClient(last);
        if (!connection.IsOver)
        {
            GiveOwn();
            if (connection.HoldClient && _switching is null)
            {
                connection.ResumeClient();
            }
        }
    }

    /// <summary>Gives the proxy's own answers whose turn it is.</summary>
    private void GiveOwn()
    {
        while (_exchanges.TryPeek(out var exchange) && exchange.Answer is { } answer && _responses.IsBetween && !connection.IsOver)
        {
            _exchanges.Dequeue();
            exchange.ResponseBytes += answer.Length;
            connection.Report(exchange);
            if (exchange.IsLast)
            {
                connection.CloseGently(answer);
                return;
            }

            connection.SendToClient(answer);
        }
    }

    /// <summary>An answer to nothing, such as 408 before a server closes: the client might take it for that to its next request.</summary>
    private void EndUnasked()
    {
        connection.Report(new Exchange { Protocol = "HTTP/1.1", Verdict = AccessVerdict.Failed, Detail = "the server sent an answer that nobody asked for" });
        connection.CloseGently();
    }
}
