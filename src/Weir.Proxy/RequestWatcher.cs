// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Http1;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>Reads along what a client sends and tells what the policies of both ends, which are in audit, would refuse of it. It has
/// no say: what it cannot read it gives up, and the bytes go on all the same.</summary>
internal sealed class RequestWatcher(Connection connection)
{
    private const int BytesAtStart = 128;

    private RequestReader _requests;
    private Http2Watcher? _http2;
    private ByteQueue _rest;
    private bool _isBlind;
    private bool _isNew = true;
    private bool _maySwitch;

    /// <summary>Bytes that it keeps.</summary>
    public int Memory => BytesAtStart + _rest.Memory + (_http2?.Memory ?? 0);

    /// <summary>Reads what has arrived, all of it.</summary>
    public void Read(ReadOnlySpan<byte> data)
    {
        if (_isBlind)
        {
            return;
        }

        if (_rest.IsEmpty)
        {
            var used = ReadOn(data);
            _rest.Append(_isBlind ? default : data[used..]);
            return;
        }

        _rest.Append(data);
        _rest.RemoveFirst(ReadOn(_rest.Span));
        if (_isBlind)
        {
            _rest.Clear();
        }
    }

    /// <summary>The connection is over.</summary>
    public void Clear()
    {
        if (!_isBlind && !_rest.IsEmpty)
        {
            GiveUp(_maySwitch ? "" : "it ended before a request was whole");
        }

        _isBlind = true;
        _rest.Clear();
        _http2?.Clear();
    }

    /// <returns>Bytes used; the rest comes again, with more behind it.</returns>
    private int ReadOn(ReadOnlySpan<byte> data)
    {
        var used = 0;
        while (used < data.Length && !_isBlind)
        {
            var length = _http2 is null ? ReadHttp1(data[used..]) : ReadHttp2(data[used..]);
            if (length == 0)
            {
                break;
            }

            used += length;
        }

        return used;
    }

    private int ReadHttp1(ReadOnlySpan<byte> data)
    {
        var head = connection.Worker.Head;
        var part = _requests.Read(data, head, out var length, out var fault);
        switch (part)
        {
            case RequestPart.Fault:
                // What follows a handshake is another protocol, and nobody's to judge.
                GiveUp(_maySwitch ? "" : RequestFaults.Explain(fault));
                return 0;
            case RequestPart.Head when head.IsHttp2Preface:
                if (!_isNew)
                {
                    GiveUp(RequestFaults.Explain(RequestFault.Version));
                    return 0;
                }

                _http2 = new Http2Watcher(connection);
                return ReadHttp2(data);
            case RequestPart.Head:
                _isNew = false;
                OnHead(data[..length], head);
                return length;
            default:
                return length;
        }
    }

    private int ReadHttp2(ReadOnlySpan<byte> data)
    {
        var length = _http2!.Read(data);
        if (_http2.Fault is { } fault)
        {
            GiveUp(fault);
        }

        return length;
    }

    private void OnHead(ReadOnlySpan<byte> bytes, RequestHead head)
    {
        var judgement = Judge.Decide(
            connection.Worker.Snapshot, in connection.Flow, head.Method(bytes), head.Path(bytes), head.Host(bytes), head.HeadersOf(bytes));
        var exchange = Exchanges.Of(bytes, head, in judgement, isShown: connection.Worker.Reporter.WantsAllowed);
        exchange.IsWatched = true;
        _maySwitch = exchange.IsConnect || exchange.Upgrade != UpgradeKind.None;
        connection.Report(exchange);
    }

    /// <param name="why">What would be refused; empty: nothing.</param>
    private void GiveUp(string why)
    {
        _isBlind = true;
        if (why.Length > 0)
        {
            connection.Report(new Exchange { Protocol = _http2 is null ? "" : "HTTP/2", Verdict = AccessVerdict.Audited, Detail = why, IsWatched = true });
        }
    }
}
