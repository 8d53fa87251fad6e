// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using Weir.Api;
using Weir.Http.Http1;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// HTTP/1.0 and 1.1: requests are read strictly and judged one by one, and go on byte for byte. Answers keep
/// the order of requests, also the proxy's own.
/// </summary>
/// <param name="isLater">Requests went to the server before: HTTP/2 cannot begin here.</param>
internal sealed class Http1Session(Connection connection, bool isLater) : Session(connection)
{
    private const int MostPipelined = 16;
    private const int BytesPerExchange = 512; // about

    private readonly Http1Answers _answers = new(connection);
    private RequestReader _requests;
    private Exchange? _current;
    private long _discarded;
    private bool _ending;
    private bool _isNew = !isLater;

    public override int Memory => _answers.Count * BytesPerExchange;

    public override int OnClientData(ReadOnlySpan<byte> data)
    {
        var used = 0;
        var passed = 0; // from here to "used" is what goes on as it is
        while (used < data.Length && !_ending)
        {
            if (_requests.IsBetween)
            {
                if (_answers.MaySwitch || _answers.Count >= MostPipelined || Connection.OwesMuch)
                {
                    Connection.HoldClient = true;
                    break;
                }

                if (_current is { IsLast: true })
                {
                    _ending = true; // it said so itself, or the server did
                    _current.IsClientDone = false;
                    _answers.OnRequestBehindTheLast();
                    break;
                }
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
                OnFault(fault, _requests.Why);
                return data.Length;
            }

            if (part == RequestPart.Head && head.IsHttp2Preface)
            {
                if (used == 0 && _isNew)
                {
                    Connection.Become(new Http2Session(Connection, null));
                    return 0;
                }

                OnFault(RequestFault.Version, "");
                return data.Length;
            }

            _isNew = false;
            var instead = part == RequestPart.Head ? OnHead(data.Slice(used, length), head) : OnBody(part, length);
            if (instead is not null)
            {
                Connection.SendToServer(data[passed..used]);
                Connection.SendToServer(instead);
                passed = used + length;
            }

            used += length;
        }

        Connection.SendToServer(data[passed..used]);
        if (_ending || Connection.IsOver)
        {
            Deadline = 0;
            return data.Length;
        }

        SetDeadline(isWaiting: used < data.Length && !_answers.MaySwitch && !Connection.HoldClient, isNew: used > 0);
        return used;
    }

    public override int OnServerData(ReadOnlySpan<byte> data) => _answers.Read(data);

    public override void OnClientEnd()
    {
        if (_answers.Count == 0)
        {
            Connection.CloseWhenSent();
        }
        else
        {
            Connection.EndToServer();
        }
    }

    public override void OnServerEnd() => _answers.OnServerEnd();

    public override void OnServerFailed(int errno) => _answers.Fail($"no connection to {Connection.Destination}: {LinuxException.Words(errno)}");

    public override void OnDeadline() => OnFault(RequestFault.Timeout, "");

    public override void OnClientHasTaken()
    {
        if (Connection.HoldClient && !_answers.MaySwitch)
        {
            Connection.ResumeClient();
        }
    }

    public override void OnClosed() => _answers.OnClosed();

    /// <returns>What is passed on instead of the head; null: the head as it is.</returns>
    private byte[]? OnHead(ReadOnlySpan<byte> bytes, RequestHead head)
    {
        if (!Connection.RefreshFlow())
        {
            _ending = true;
            Connection.Reset();
            return [];
        }

        _discarded = 0;
        var judgement = Judge.Decide(
            Connection.Worker.Snapshot, in Connection.Flow, head.Method(bytes), head.Path(bytes), head.Host(bytes), head.HeadersOf(bytes));
        _current = Exchanges.Of(bytes, head, in judgement, isShown: Connection.Worker.Reporter.WantsAllowed);
        _answers.Add(_current);
        if (_current.Answer is not null)
        {
            _ending = _current.IsLast;
            return [];
        }

        Connection.NeedServer();
        _ending = Connection.IsOver;
        if (judgement.Mended.Count == 0 || !HeadEditor.Changes(judgement.Mended))
        {
            return null;
        }

        var mended = new ArrayBufferWriter<byte>(bytes.Length + 256);
        HeadEditor.Write(bytes, head, judgement.Mended, mended);
        return mended.WrittenSpan.ToArray();
    }

    private byte[]? OnBody(RequestPart part, int length)
    {
        _current!.RequestBytes += length;
        _current.HasBodyToCome = !_requests.IsBetween;
        if (_current.Answer is null)
        {
            return part == RequestPart.Trailer ? [] : null;
        }

        // Behind a body that is over the client may have begun its next request.
        _discarded += length;
        if (_discarded > Exchanges.MostDiscarded && _current.HasBodyToCome)
        {
            _ending = true;
            Connection.CloseGently();
        }

        return [];
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

    /// <param name="why">In the sender's words; empty: the fault says all.</param>
    private void OnFault(RequestFault fault, string why)
    {
        Deadline = 0;
        _ending = true;
        Connection.Worker.Counters.Count(fault);
        var detail = why.Length > 0 && fault != RequestFault.NotHttp ? why : RequestFaults.Explain(fault);
        var status = fault == RequestFault.Timeout ? 408 : 400;
        byte[] answer = fault == RequestFault.NotHttp ? [] : Answers.Make(status, detail, close: true, isHead: false);
        if (_current is { HasBodyToCome: true, Answer: null })
        {
            _current.Verdict = AccessVerdict.Invalid;
            _current.Detail = detail;
            _answers.Fail(_current, answer);
            return;
        }

        // A body of a request that the proxy has answered gets no second answer.
        var isAnswered = _current is { HasBodyToCome: true };
        _answers.Add(new Exchange
        {
            Verdict = AccessVerdict.Invalid,
            Detail = detail,
            Status = fault == RequestFault.NotHttp || isAnswered ? 0 : status,
            IsLast = true,
            Answer = isAnswered ? [] : answer,
        });
    }
}
