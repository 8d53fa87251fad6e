// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Api;
using Weir.Http.Http1;
using Weir.Http.Http2;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// HTTP/2 without TLS (RFC 9113), by prior knowledge or by upgrade: each request's headers are decoded, judged
/// and written anew; frames of bodies and all frames of answers go on as they are. A refused request's stream exists
/// between client and proxy alone. What one event brings goes on in one piece to each side.
/// </summary>
internal sealed class Http2Session : Session
{
    private readonly Http2Streams _streams = new();
    private readonly Http2Budget _budget;
    private readonly Http2Answers _answers;
    private readonly Http2Requests _requests;
    private readonly Http2ServerReader _serverReader;
    private readonly Http2ClientReader _clientReader;
    private bool _ending;

    /// <param name="upgraded">The request of HTTP/1.1 that asked for HTTP/2: it is stream 1.</param>
    public Http2Session(Connection connection, Exchange? upgraded)
        : base(connection)
    {
        _budget = new Http2Budget(connection.Worker);
        _answers = new Http2Answers(connection);
        _requests = new Http2Requests(connection, _streams, _answers, _budget);
        _serverReader = new Http2ServerReader(connection, _streams, _answers, _budget);
        _clientReader = new Http2ClientReader(connection, _streams, _answers, _requests, _serverReader, _budget);
        if (upgraded is not null)
        {
            _streams.Use(1);
            _streams.Add(1, new Http2Stream(upgraded) { ClientEnded = true });
        }
    }

    public override int Memory => _streams.Memory + _answers.Memory + _requests.Memory + _serverReader.Memory;

    public override int OnClientData(ReadOnlySpan<byte> data)
    {
        Begin();
        var (wasInBlock, blocks) = (_requests.InBlock, _requests.Blocks);
        var used = _ending ? data.Length : _clientReader.Read(data);
        if (!_clientReader.Fault.IsNone)
        {
            Fail(_clientReader.Fault.Error);
            return data.Length;
        }

        _answers.SendCredit();
        Send();
        if (Connection.IsOver)
        {
            return data.Length;
        }

        // A header block has its time from the first piece on, however many come.
        var isWaiting = (used < data.Length || _requests.InBlock) && !_clientReader.InData && !Connection.HoldClient;
        var isSame = used == 0 || (wasInBlock && _requests.InBlock && blocks == _requests.Blocks);
        Deadline = !isWaiting ? 0 : Deadline != 0 && isSame ? Deadline : Connection.Worker.Now + (long)Connection.Worker.Options.HeadTimeout.TotalMilliseconds;
        return used;
    }

    public override int OnServerData(ReadOnlySpan<byte> data)
    {
        Begin();
        var used = _serverReader.Read(data, out var isBroken);
        Send();
        if (isBroken)
        {
            Connection.Reset();
        }

        _requests.SetMostTable(_serverReader.MostTable);
        Resume();
        return used;
    }

    public override void OnClientHasTaken() => Resume();

    public override void OnServerHasTaken() => Resume();

    public override void OnClientEnd()
    {
        if (_streams.Count == 0)
        {
            Connection.CloseWhenSent();
        }
        else
        {
            Connection.EndToServer();
        }
    }

    public override void OnServerEnd() => Connection.CloseGently();

    public override void OnServerFailed(int errno)
    {
        _ending = true;
        var detail = $"no connection to {Connection.Destination}: {LinuxException.Words(errno)}";
        Begin();
        foreach (var (id, stream) in _streams.TakeAll())
        {
            stream.Exchange.Verdict = AccessVerdict.Failed;
            stream.Exchange.Detail = detail;
            stream.Exchange.Status = 502;
            _answers.Answer(id, 502);
            Connection.Report(stream.Exchange);
        }

        _answers.GoAway(_streams.Last, Http2Error.NoError);
        Send();
        Connection.CloseGently();
    }

    public override void OnDeadline()
    {
        Begin();
        Fail(Http2Error.NoError);
    }

    public override void OnClosed()
    {
        foreach (var (_, stream) in _streams.TakeAll())
        {
            if (!stream.IsReported)
            {
                stream.Exchange.Detail = stream.Exchange.Detail.Length > 0 ? stream.Exchange.Detail : Exchange.ClosedEarly;
                Connection.Report(stream.Exchange);
            }
        }

        _answers.Clear();
        _requests.Clear();
        _serverReader.Clear();
    }

    /// <summary>Of an event. What another has left behind, which went wrong, is nobody's.</summary>
    private void Begin()
    {
        Connection.Worker.ToServer.Clear();
        Connection.Worker.ToClient.Clear();
    }

    private void Send()
    {
        Connection.FlushToServer();
        Connection.FlushToClient();
    }

    private void Resume()
    {
        if (Connection.HoldClient && !Connection.OwesMuch && !Connection.OwesServerMuch && !_answers.OwesMuch)
        {
            Connection.ResumeClient();
        }
    }

    /// <summary>The connection is over, by the client's fault.</summary>
    private void Fail(Http2Error error)
    {
        _ending = true;
        Deadline = 0;
        var (fault, detail) = Http2Words.Explain(error);
        Connection.Worker.Counters.Count(fault);
        Connection.Report(new Exchange { Protocol = "HTTP/2", Verdict = AccessVerdict.Invalid, Detail = detail });
        _answers.GoAway(_streams.Last, error);
        Send();
        Connection.CloseGently();
    }
}
