// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Text;
using Weir.Api;
using Weir.Http.Http1;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// HTTP/1.0 and 1.1: requests are read strictly and judged one by one, and go on byte for byte; answers
/// are followed only to know where they end. Answers keep the order of requests, also the proxy's own.
/// </summary>
internal sealed class Http1Session(Connection connection) : Session(connection)
{
    private const int MostPipelined = 16;
    private const int BytesPerExchange = 512; // about
    private const long MostDiscarded = 1024 * 1024; // bytes of refused bodies, before the connection is closed
    private static readonly (byte[] Bytes, string Name)[] _methods =
        [.. new[] { "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE" }.Select(name => (Encoding.ASCII.GetBytes(name), name))];

    private readonly Queue<Exchange> _exchanges = new(1);
    private RequestReader _requests;
    private ResponseReader _responses = new();
    private Exchange? _current;
    private Exchange? _switching;
    private long _discarded;
    private bool _ending;
    private bool _isNew = true;

    public override int Memory => _exchanges.Count * BytesPerExchange;

    public override int OnClientData(ReadOnlySpan<byte> data)
    {
        var used = 0;
        var passed = 0; // from here to "used" is what goes on as it is
        while (used < data.Length && !_ending && _switching is null)
        {
            if (_requests.IsBetween && (_exchanges.Count >= MostPipelined || Connection.OwesMuch))
            {
                Connection.HoldClient = true;
                break;
            }

            if (used > 0 && _requests.IsBetween && Connection.Worker.IsTurnOver)
            {
                Connection.ResumeClientLater();
                break;
            }

            var head = Connection.Worker.Head;
            var part = _requests.Read(data[used..], head, out var length, out var fault);
            if (part == RequestPart.More)
            {
                break;
            }

            if (part == RequestPart.Fault)
            {
                Connection.SendToServer(data[passed..used]);
                OnFault(fault);
                return data.Length;
            }

            if (part == RequestPart.Head && head.IsHttp2Preface)
            {
                if (used == 0 && _isNew)
                {
                    Connection.Become(new Http2Session(Connection, null));
                    return 0;
                }

                OnFault(RequestFault.Version);
                return data.Length;
            }

            _isNew = false;
            var instead = part == RequestPart.Head ? OnHead(data.Slice(used, length), head) : OnBody(length);
            if (instead is not null)
            {
                Connection.SendToServer(data[passed..used]);
                Connection.SendToServer(instead);
                passed = used + length;
            }

            used += length;
        }

        if (_ending)
        {
            return data.Length;
        }

        Connection.SendToServer(data[passed..used]);
        SetDeadline(isWaiting: used < data.Length && _switching is null && !Connection.HoldClient, isNew: used > 0);
        return used;
    }

    public override int OnServerData(ReadOnlySpan<byte> data)
    {
        var used = 0;
        var passed = 0;
        while (used < data.Length)
        {
            if (!_exchanges.TryPeek(out var exchange))
            {
                // An answer nobody asked for, such as 408 before the server closes.
                used = data.Length;
                break;
            }

            var length = _responses.Read(data[used..], exchange.IsHead, exchange.IsConnect, out var head);
            if (length == 0)
            {
                break;
            }

            exchange.ResponseBytes += length;
            used += length;
            if (head is { } answer && OnAnswer(exchange, answer))
            {
                break;
            }

            if (_responses.IsBetween && head is not { IsInterim: true })
            {
                Connection.SendToClient(data[passed..used]);
                passed = used;
                if (!Connection.IsOver)
                {
                    Complete(exchange);
                }

                if (Connection.IsOver)
                {
                    return data.Length;
                }
            }
        }

        Connection.SendToClient(data[passed..used]);
        return used;
    }

    public override void OnClientEnd()
    {
        if (_exchanges.Count == 0)
        {
            Connection.CloseWhenSent();
        }
        else
        {
            Connection.EndToServer();
        }
    }

    public override void OnServerEnd()
    {
        if (_exchanges.TryPeek(out var exchange) && _responses.IsUntilClose)
        {
            Complete(exchange);
        }

        Connection.CloseGently();
    }

    public override void OnServerFailed(int errno)
    {
        if (!_exchanges.TryPeek(out var exchange) || exchange.Status != 0)
        {
            Connection.Reset();
            return;
        }

        var detail = $"no connection to {Connection.Destination}: {LinuxException.Words(errno)}";
        exchange.Verdict = AccessVerdict.Failed;
        exchange.Status = 502;
        exchange.Detail = detail;
        _ending = true;
        _exchanges.Dequeue();
        Connection.SendToClient(Answers.Make(502, detail, close: true, exchange.IsHead));
        Connection.Report(exchange);
        Connection.CloseGently();
    }

    public override void OnDeadline() => OnFault(RequestFault.Timeout);

    public override void OnClientHasTaken()
    {
        if (Connection.HoldClient && _switching is null)
        {
            Connection.ResumeClient();
        }
    }

    public override void OnClosed()
    {
        while (_exchanges.TryDequeue(out var exchange))
        {
            exchange.Detail = exchange.Detail.Length > 0 ? exchange.Detail : "closed before the answer's end";
            Connection.Report(exchange);
        }
    }

    /// <returns>What is passed on instead of the head; null: the head as it is.</returns>
    private byte[]? OnHead(ReadOnlySpan<byte> bytes, RequestHead head)
    {
        if (!Connection.RefreshFlow())
        {
            _ending = true;
            Connection.Reset();
            return [];
        }

        var judgement = Judge.Decide(
            Connection.Worker.Snapshot, in Connection.Flow, head.Method(bytes), head.Path(bytes), head.Host(bytes), head.HeadersOf(bytes));
        var exchange = Begin(bytes, head, in judgement);
        _current = exchange;
        _exchanges.Enqueue(exchange);
        if (exchange.Answer is not null)
        {
            _ending = exchange.IsLast;
            AnswerOwn();
            return [];
        }

        Connection.NeedServer();
        if (exchange.SwitchesProtocol)
        {
            // What follows is of the new protocol, or not: the answer tells.
            _switching = exchange;
            Connection.HoldClient = true;
        }

        if (judgement.Mended.Count == 0 || !HeadEditor.Changes(judgement.Mended))
        {
            return null;
        }

        var mended = new ArrayBufferWriter<byte>(bytes.Length + 256);
        HeadEditor.Write(bytes, head, judgement.Mended, mended);
        return mended.WrittenSpan.ToArray();
    }

    private byte[]? OnBody(int length)
    {
        _current!.RequestBytes += length;
        if (_current.Answer is null)
        {
            return null;
        }

        _discarded += length;
        if (_discarded > MostDiscarded && !_ending)
        {
            _ending = true;
            Connection.CloseGently();
        }

        return [];
    }

    private Exchange Begin(ReadOnlySpan<byte> bytes, RequestHead head, in Judgement judgement)
    {
        var name = NameOf(head.Method(bytes));
        var status = judgement.Verdict switch
        {
            AccessVerdict.Allowed => 0,
            AccessVerdict.Refused => 403,
            AccessVerdict.Invalid => 400,
            _ => 503,
        };
        // After a refusal the connection goes on, unless nobody could say where the next request begins.
        var isLast = status != 0 && (status != 403 || !head.KeepAlive || head.ExpectsContinue || head.Upgrade != UpgradeKind.None || name == "CONNECT");
        // What nobody will see is not made into text.
        var isShown = status != 0 || Connection.Worker.Reporter.WantsAllowed;
        return new Exchange
        {
            Method = name,
            Path = isShown ? Exchange.Show(head.Target(bytes)) : "",
            Host = isShown ? Exchange.Show(head.Host(bytes)) : "",
            Protocol = head.IsHttp11 ? "HTTP/1.1" : "HTTP/1.0",
            Verdict = judgement.Verdict,
            RuleId = judgement.RuleId,
            Ingress = judgement.Ingress,
            Policy = judgement.Policy,
            Detail = judgement.Detail,
            AwaitsContinue = head.ExpectsContinue && head.Body != BodyKind.None,
            IsHead = name == "HEAD",
            IsConnect = name == "CONNECT",
            Upgrade = head.Upgrade,
            IsLast = isLast,
            Status = status,
            RequestBytes = bytes.Length,
            Answer = status == 0 ? null : Answers.Make(status, status == 403 ? "Access denied" : judgement.Detail, isLast, name == "HEAD"),
        };
    }

    private static string NameOf(ReadOnlySpan<byte> method)
    {
        foreach (var (bytes, name) in _methods)
        {
            if (method.SequenceEqual(bytes))
            {
                return name;
            }
        }

        return Encoding.ASCII.GetString(method);
    }

    private void SetDeadline(bool isWaiting, bool isNew)
    {
        if (!isWaiting)
        {
            Deadline = 0;
        }
        else if (isNew || Deadline == 0)
        {
            Deadline = Connection.Worker.Now + (long)Connection.Worker.Options.HeadTimeout.TotalMilliseconds;
        }
    }

    /// <summary>True: the connection speaks something else from here on.</summary>
    private bool OnAnswer(Exchange exchange, ResponseHead answer)
    {
        if (answer.IsInterim)
        {
            exchange.AwaitsContinue &= answer.Status != 100;
            return false;
        }

        exchange.Status = answer.Status;
        if (exchange != _switching)
        {
            if (answer.Status == 101)
            {
                exchange.Verdict = AccessVerdict.Failed;
                exchange.Detail = "the server changed to a protocol whose requests cannot be judged";
                Connection.Reset();
            }

            return answer.Status == 101;
        }

        var switches = (answer.Status == 101 && exchange.Upgrade is UpgradeKind.WebSocket or UpgradeKind.Http2) || (exchange.IsConnect && answer.Status is >= 200 and < 300);
        _switching = null;
        Connection.ResumeClient();
        if (switches)
        {
            _exchanges.Clear();
            Connection.Become(exchange.Upgrade == UpgradeKind.Http2 ? new Http2Session(Connection, exchange) : new TunnelSession(Connection, exchange));
        }

        return switches;
    }

    private void Complete(Exchange exchange)
    {
        _exchanges.Dequeue();
        Connection.Report(exchange);
        if (exchange.AwaitsContinue && exchange == _current && !_requests.IsBetween)
        {
            // Client and server may disagree on whether the body still comes: nothing follows that could be one or not.
            _ending = true;
            Connection.CloseGently();
            return;
        }

        AnswerOwn();
        if (Connection.HoldClient && _switching is null)
        {
            Connection.ResumeClient();
        }
    }

    /// <summary>Gives the proxy's own answers whose turn it is.</summary>
    private void AnswerOwn()
    {
        while (_exchanges.TryPeek(out var exchange) && exchange.Answer is { } answer && _responses.IsBetween)
        {
            _exchanges.Dequeue();
            exchange.ResponseBytes = answer.Length;
            Connection.SendToClient(answer);
            Connection.Report(exchange);
            if (exchange.IsLast)
            {
                Connection.CloseGently();
                return;
            }
        }
    }

    private void OnFault(RequestFault fault)
    {
        Deadline = 0;
        _ending = true;
        Connection.Worker.Counters.Count(fault);
        var detail = RequestFaults.Explain(fault);
        var status = fault == RequestFault.Timeout ? 408 : 400;
        _exchanges.Enqueue(new Exchange
        {
            Verdict = AccessVerdict.Invalid,
            Detail = detail,
            Status = fault == RequestFault.NotHttp ? 0 : status,
            IsLast = true,
            Answer = fault == RequestFault.NotHttp ? [] : Answers.Make(status, detail, close: true, isHead: false),
        });
        AnswerOwn();
    }
}
