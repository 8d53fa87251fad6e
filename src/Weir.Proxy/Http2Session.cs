// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Api;
using Weir.Http.Http1;
using Weir.Http.Http2;
using Weir.Linux;

namespace Weir.Proxy;

/// <summary>
/// HTTP/2 without TLS (RFC 9113), by prior knowledge or by upgrade: each request's headers are decoded, judged
/// and written anew as literals; frames of bodies and all frames of answers go on as they are. A refused
/// request's stream exists between client and proxy alone.
/// </summary>
internal sealed class Http2Session : Session
{
    /// <summary>Streams of a connection that are not over; clients are told.</summary>
    internal const int MostStreams = 256;

    private const int MostControlBytes = 64 * 1024;
    private const uint NoError = 0;
    private const uint ProtocolError = 1;
    private const uint RefusedStream = 7;

    private readonly Dictionary<uint, Http2Stream> _streams = [];
    private readonly HpackDecoder _requestDecoder = new();
    private readonly Http2Answers _answers;
    private readonly List<byte> _block = [];
    private Frame _blockFrame;
    private int _dataLeft;
    private bool _dataPasses;
    private bool _hasPreface;
    private bool _hasSettings;
    private bool _ending;
    private uint _lastStream;

    /// <param name="upgraded">The request of HTTP/1.1 that asked for HTTP/2: it is stream 1.</param>
    public Http2Session(Connection connection, Exchange? upgraded)
        : base(connection)
    {
        _answers = new Http2Answers(connection, _streams);
        if (upgraded is not null)
        {
            _streams.Add(1, new Http2Stream(upgraded) { ClientEnded = true });
            _lastStream = 1;
        }
    }

    public override int OnClientData(ReadOnlySpan<byte> data)
    {
        var used = 0;
        var wasInBlock = _block.Count > 0;
        while (!_ending && used < data.Length)
        {
            if (_dataLeft == 0 && (Connection.OwesMuch || _answers.OwesMuch))
            {
                Connection.HoldClient = true;
                break;
            }

            var taken = _dataLeft > 0 ? PassData(data[used..]) : _hasPreface ? ReadFrame(data[used..]) : ReadPreface(data[used..]);
            if (taken == 0)
            {
                break;
            }

            used += taken;
        }

        var isWaiting = !_ending && (used < data.Length || _block.Count > 0) && _dataLeft == 0 && !Connection.HoldClient;
        // A header block has its time from the first piece on, however many come.
        var isSame = used == 0 || (wasInBlock && _block.Count > 0);
        Deadline = !isWaiting ? 0 : Deadline != 0 && isSame ? Deadline : Connection.Worker.Now + (long)Connection.Worker.Options.HeadTimeout.TotalMilliseconds;
        return _ending ? data.Length : used;
    }

    public override int OnServerData(ReadOnlySpan<byte> data)
    {
        var used = _answers.Read(data, out var isBroken);
        if (isBroken)
        {
            Connection.Reset();
        }
        else if (Connection.HoldClient)
        {
            OnClientHasTaken();
        }

        return used;
    }

    public override void OnClientHasTaken()
    {
        if (Connection.HoldClient && !Connection.OwesMuch && !_answers.OwesMuch)
        {
            Connection.ResumeClient();
        }
    }

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
        _answers.StartAlone();
        var detail = $"no connection to {Connection.Destination}: {LinuxException.Words(errno)}";
        foreach (var (id, stream) in _streams.ToArray())
        {
            stream.Exchange.Verdict = AccessVerdict.Failed;
            stream.Exchange.Detail = detail;
            stream.Exchange.Status = 502;
            Connection.SendToClient(Frame.WriteHeaders(id, endStream: true, HpackEncoder.Encode((":status", "502"))));
        }

        Connection.CloseGently();
    }

    public override void OnDeadline() => Fail(RequestFault.Timeout);

    public override void OnClosed()
    {
        foreach (var stream in _streams.Values.Where(stream => !stream.IsReported))
        {
            stream.Exchange.Detail = stream.Exchange.Detail.Length > 0 ? stream.Exchange.Detail : "closed before the answer's end";
            Connection.Report(stream.Exchange);
        }

        _streams.Clear();
    }

    private int ReadPreface(ReadOnlySpan<byte> data)
    {
        var preface = Frame.Preface;
        var common = Math.Min(data.Length, preface.Length);
        if (!data[..common].SequenceEqual(preface[..common]))
        {
            return Fail(RequestFault.NotHttp);
        }

        if (common < preface.Length)
        {
            return 0;
        }

        _hasPreface = true;
        if (!Connection.RefreshFlow())
        {
            _ending = true;
            Connection.Reset();
            return common;
        }

        Connection.NeedServer();
        Connection.SendToServer(preface);
        return common;
    }

    private int PassData(ReadOnlySpan<byte> data)
    {
        var taken = Math.Min(_dataLeft, data.Length);
        _dataLeft -= taken;
        if (_dataPasses)
        {
            Connection.SendToServer(data[..taken]);
        }

        return taken;
    }

    private int ReadFrame(ReadOnlySpan<byte> data)
    {
        if (data.Length < Frame.HeadBytes)
        {
            return 0;
        }

        var frame = Frame.Read(data);
        var whole = Frame.HeadBytes + frame.Length;
        var inBlock = _block.Count > 0 || _blockFrame.Type == FrameType.Headers;
        if (inBlock != (frame.Type == FrameType.Continuation) || (inBlock && frame.Stream != _blockFrame.Stream)
            || (!_hasSettings && frame.Type != FrameType.Settings))
        {
            return Fail(RequestFault.RequestLine);
        }

        if (frame.Type == FrameType.Data)
        {
            // The length of the padding must be there as well, to know that of the body.
            return frame.Flags.HasFlag(FrameFlags.Padded) && frame.Length > 0 && data.Length == Frame.HeadBytes ? 0 : BeginData(in frame, data);
        }

        if (frame.Length > MostControlBytes)
        {
            return Fail(RequestFault.TooLarge);
        }

        if (data.Length < whole)
        {
            return 0;
        }

        Handle(in frame, data[..whole]);
        return whole;
    }

    private int BeginData(in Frame frame, ReadOnlySpan<byte> data)
    {
        _dataPasses = _streams.TryGetValue(frame.Stream, out var stream) && stream.Exchange.Answer is null && !stream.ClientEnded;
        if (_dataPasses && !CountBody(stream!, frame.BodyLength(data), frame.Flags.HasFlag(FrameFlags.EndStream)))
        {
            return Fail(RequestFault.ContentLength);
        }

        _dataLeft = frame.Length;
        if (_dataPasses)
        {
            stream!.Exchange.RequestBytes += frame.Length;
            Connection.SendToServer(data[..Frame.HeadBytes]);
        }
        else if (frame.Length > 0)
        {
            // The server does not hear of these bytes: the proxy gives the client its window back.
            _answers.AddFrame(Frame.Write(FrameType.WindowUpdate, 0, (uint)frame.Length));
        }

        if (frame.Flags.HasFlag(FrameFlags.EndStream))
        {
            EndOfClient(frame.Stream);
        }

        return Frame.HeadBytes;
    }

    /// <summary>False: there is more or less of the body than Content-Length says, which a server that translates
    /// to HTTP/1 might believe (§8.1.1).</summary>
    private static bool CountBody(Http2Stream stream, int bytes, bool isEnd)
    {
        if (stream.BodyLeft < 0)
        {
            return true;
        }

        stream.BodyLeft -= bytes;
        return isEnd ? stream.BodyLeft == 0 : stream.BodyLeft >= 0;
    }

    private void Handle(in Frame frame, ReadOnlySpan<byte> whole)
    {
        var payload = whole[Frame.HeadBytes..];
        switch (frame.Type)
        {
            case FrameType.Headers:
                if (!frame.TryStrip(ref payload))
                {
                    Fail(RequestFault.RequestLine);
                    return;
                }

                _blockFrame = frame;
                AddToBlock(in frame, payload);
                break;
            case FrameType.Continuation:
                AddToBlock(in frame, payload);
                break;
            case FrameType.Settings:
                Connection.SendToServer(frame.Flags.HasFlag(FrameFlags.Ack) ? whole : Http2Settings.FromClient(payload, isFirst: !_hasSettings));
                _hasSettings = true;
                break;
            case FrameType.RstStream:
                if (_streams.Remove(frame.Stream, out var stream))
                {
                    Report(stream);
                    SendIfPassed(stream, whole);
                }

                break;
            case FrameType.WindowUpdate when frame.Stream == 0:
                Connection.SendToServer(_answers.TakeCredit(payload, whole));
                break;
            case FrameType.WindowUpdate:
                if (_streams.TryGetValue(frame.Stream, out stream))
                {
                    SendIfPassed(stream, whole);
                }

                break;
            case FrameType.Ping or FrameType.GoAway:
                Connection.SendToServer(whole);
                break;
            case FrameType.PushPromise:
                Fail(RequestFault.RequestLine);
                break;
            default:
                // Priorities are advice; what is unknown is to be ignored (§5.5).
                break;
        }
    }

    private void SendIfPassed(Http2Stream stream, ReadOnlySpan<byte> frame)
    {
        if (stream.Exchange.Answer is null)
        {
            Connection.SendToServer(frame);
        }
    }

    private void AddToBlock(in Frame frame, ReadOnlySpan<byte> fragment)
    {
        if (_block.Count + fragment.Length > MostControlBytes)
        {
            Fail(RequestFault.TooLarge);
            return;
        }

        _block.AddRange(fragment);
        if (!frame.Flags.HasFlag(FrameFlags.EndHeaders))
        {
            return;
        }

        var first = _blockFrame;
        _blockFrame = default;
        var headers = Connection.Worker.HeaderList;
        var isDecoded = _requestDecoder.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_block), headers);
        _block.Clear();
        if (!isDecoded)
        {
            Fail(RequestFault.HeaderValue);
        }
        else if (_streams.TryGetValue(first.Stream, out var stream))
        {
            OnTrailers(first, stream, headers);
        }
        else if (first.Stream > _lastStream && (first.Stream & 1) == 1)
        {
            OnRequest(first, headers);
        }
        else if (first.Stream > _lastStream || (first.Stream & 1) == 0)
        {
            Fail(RequestFault.RequestLine);
        }
    }

    private void OnTrailers(in Frame frame, Http2Stream stream, HeaderList headers)
    {
        if (stream.ClientEnded || !frame.Flags.HasFlag(FrameFlags.EndStream) || !RequestFields.AreTrailers(headers))
        {
            Fail(RequestFault.HeaderName);
            return;
        }

        if (!CountBody(stream, 0, isEnd: true))
        {
            Fail(RequestFault.ContentLength);
            return;
        }

        if (stream.Exchange.Answer is null)
        {
            Connection.SendToServer(Frame.WriteHeaders(frame.Stream, endStream: true, HpackEncoder.Encode(headers)));
        }

        EndOfClient(frame.Stream);
    }

    private void OnRequest(in Frame frame, HeaderList headers)
    {
        _lastStream = frame.Stream;
        if (_streams.Count >= MostStreams)
        {
            // Before it has read the settings a client cannot know; it may ask again (§8.7).
            _answers.AddFrame(Frame.Write(FrameType.RstStream, frame.Stream, RefusedStream));
            return;
        }

        if (!Connection.RefreshFlow())
        {
            _ending = true;
            Connection.Reset();
            return;
        }

        var isWhole = frame.Flags.HasFlag(FrameFlags.EndStream);
        var fault = RequestFields.Read(headers, out var request);
        fault = fault == RequestFault.None && isWhole && request.ContentLength > 0 ? RequestFault.ContentLength : fault;
        var judgement = fault == RequestFault.None
            ? Judge.Decide(Connection.Worker.Snapshot, in Connection.Flow, request.Method, request.Path, request.Host, in headers)
            : new Judgement(AccessVerdict.Invalid, 0, false, RequestFaults.Explain(fault), []);
        if (fault != RequestFault.None)
        {
            Connection.Worker.Counters.Count(fault);
        }

        var status = judgement.Verdict switch
        {
            AccessVerdict.Allowed => 0,
            AccessVerdict.Refused => 403,
            AccessVerdict.Invalid => 400,
            _ => 503,
        };
        var exchange = new Exchange
        {
            Method = Exchange.Show(request.Method),
            Path = Exchange.Show(request.Path),
            Host = Exchange.Show(request.Host),
            Protocol = "HTTP/2",
            Verdict = judgement.Verdict,
            RuleId = judgement.RuleId,
            Ingress = judgement.Ingress,
            Policy = judgement.Policy,
            Detail = judgement.Detail,
            Status = status,
            RequestBytes = frame.Length,
            Answer = status == 0 ? null : [],
        };
        var stream = new Http2Stream(exchange) { ClientEnded = isWhole, BodyLeft = request.ContentLength };
        if (status != 0)
        {
            _answers.AddOwn(frame.Stream, status, status == 403 ? "Access denied\n" : judgement.Detail + "\n");
            Report(stream);
            if (!stream.ClientEnded)
            {
                // Until the client has heard of it and sends no more. It is not reset: some clients would lose the
                // answer; without more window than the stream began with it cannot send much.
                _streams.Add(frame.Stream, stream);
            }

            return;
        }

        _streams.Add(frame.Stream, stream);
        if (HeadEditor.Changes(judgement.Mended))
        {
            headers.Mend(judgement.Mended);
        }

        Connection.SendToServer(Frame.WriteHeaders(frame.Stream, stream.ClientEnded, HpackEncoder.Encode(headers)));
    }

    private void EndOfClient(uint id)
    {
        if (_streams.TryGetValue(id, out var stream))
        {
            stream.ClientEnded = true;
            if (stream.Exchange.Answer is not null || stream.IsReported)
            {
                _streams.Remove(id);
            }
        }
    }

    private void Report(Http2Stream stream)
    {
        if (!stream.IsReported)
        {
            stream.IsReported = true;
            Connection.Report(stream.Exchange);
        }
    }

    private int Fail(RequestFault fault)
    {
        _ending = true;
        Deadline = 0;
        Connection.Worker.Counters.Count(fault);
        Connection.Report(new Exchange { Protocol = "HTTP/2", Verdict = AccessVerdict.Invalid, Detail = RequestFaults.Explain(fault) });
        Span<byte> payload = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(payload, _lastStream);
        BinaryPrimitives.WriteUInt32BigEndian(payload[4..], fault == RequestFault.Timeout ? NoError : ProtocolError);
        _answers.StartAlone();
        _answers.AddFrame(Frame.Write(FrameType.GoAway, FrameFlags.None, 0, payload));
        Connection.CloseGently();
        return 0;
    }
}
