// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Http1;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>A client's header blocks: requests are judged and written anew, since the server must not know of those
/// that were refused; trailers are the end of a body.</summary>
internal sealed class Http2Requests(Connection connection, Http2Streams streams, Http2Answers answers, Http2Budget budget)
{
    private const int MostBytes = 64 * 1024;
    private const int MostPieces = 64;

    private readonly HpackDecoder _decoder = new();
    private readonly KnownRequest _known = new();
    private ByteQueue _block;
    private Frame _first;
    private FrameFault _fault;
    private int _pieces;

    /// <summary>A block has begun and is not over.</summary>
    public bool InBlock => _first.Type == FrameType.Headers;

    /// <summary>Blocks that are over.</summary>
    public long Blocks { get; private set; }

    /// <summary>The stream whose block it is.</summary>
    public uint BlockStream => _first.Stream;

    /// <summary>Bytes of memory; counted where they change, since it is asked for after each event.</summary>
    public int Memory { get; private set; }

    /// <summary>The first frame of a block.</summary>
    /// <param name="fault">What is wrong with it, for its stream alone: the block is decoded, or the next ones could not be.</param>
    public FrameFault OnHeaders(in Frame frame, ReadOnlySpan<byte> payload, FrameFault fault)
    {
        frame.TryStrip(ref payload);
        _first = frame;
        _fault = fault;
        _pieces = 0;
        return Add(in frame, payload);
    }

    public FrameFault OnContinuation(in Frame frame, ReadOnlySpan<byte> payload) => Add(in frame, payload);

    /// <summary>The largest table that the client may use.</summary>
    public void SetMostTable(int size) => _decoder.MostTable = size;

    /// <summary>The connection is over.</summary>
    public void Clear() => _block.Clear();

    private void CountMemory() => Memory = _decoder.Memory + _block.Memory + _known.Memory;

    private FrameFault Add(in Frame frame, ReadOnlySpan<byte> fragment)
    {
        if (_block.Length + fragment.Length > MostBytes || ++_pieces > MostPieces)
        {
            return new FrameFault(Http2Error.EnhanceYourCalm, OfStream: false);
        }

        var isLast = frame.Flags.HasFlag(FrameFlags.EndHeaders);
        if (isLast && _block.Length == 0)
        {
            return OnBlock(fragment);
        }

        _block.Append(fragment);
        CountMemory();
        return isLast ? OnBlock(_block.Span) : FrameFault.None;
    }

    private FrameFault OnBlock(ReadOnlySpan<byte> block)
    {
        var first = _first;
        var state = streams.StateOf(first.Stream, out var stream);
        if (state == Http2StreamState.Idle && _fault.IsNone && _known.Is(block, _decoder.Version, connection, first.Flags.HasFlag(FrameFlags.EndStream)))
        {
            EndBlock();
            streams.Use(first.Stream);
            return OnKnownRequest(in first);
        }

        var headers = connection.Worker.HeaderList;
        var version = _decoder.Version;
        var isDecoded = _decoder.Decode(block, headers);
        _known.Decoded(block, version, _decoder.Version);
        EndBlock();
        CountMemory();
        if (!isDecoded)
        {
            return new FrameFault(Http2Error.CompressionError, OfStream: false);
        }

        switch (state)
        {
            case Http2StreamState.Idle:
                streams.Use(first.Stream);
                return _fault.IsNone ? OnRequest(in first, headers) : _fault;
            case Http2StreamState.Open when stream!.ClientEnded:
            case Http2StreamState.ResetByClient:
                return new FrameFault(Http2Error.StreamClosed, OfStream: true);
            case Http2StreamState.Open:
                return _fault.IsNone ? OnTrailers(in first, stream!, headers) : _fault;
            default:
                return FrameFault.None; // on their way when the stream was reset
        }
    }

    private void EndBlock()
    {
        _first = default;
        Blocks++;
        if (!_block.IsEmpty)
        {
            _block.Clear();
            CountMemory();
        }
    }

    private FrameFault OnTrailers(in Frame frame, Http2Stream stream, HeaderList headers)
    {
        if (!frame.Flags.HasFlag(FrameFlags.EndStream) || !RequestFields.AreTrailers(headers) || IsJudged(headers) || !stream.CountBody(0, isEnd: true))
        {
            return new FrameFault(Http2Error.ProtocolError, OfStream: true);
        }

        if (!stream.IsRefused)
        {
            Write(frame.Stream, endStream: true, headers);
        }

        stream.ClientEnded = true;
        if (stream.IsRefused || stream.IsReported)
        {
            streams.End(frame.Stream);
        }

        return FrameFault.None;
    }

    private bool IsJudged(HeaderList trailers)
    {
        for (var i = 0; i < trailers.Count; i++)
        {
            if (Judge.LooksAt(connection.Worker.Snapshot, in connection.Flow, trailers.Name(i)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Before it has read the settings a client cannot know; it may ask again (§8.7).</summary>
    private FrameFault Admit() => streams.Count >= Http2Streams.Most || connection.IsShortOfMemory
        ? new FrameFault(Http2Error.RefusedStream, OfStream: true)
        : FrameFault.None;

    /// <summary>One that was judged already, by the same policies.</summary>
    private FrameFault OnKnownRequest(in Frame frame)
    {
        var fault = Admit();
        if (fault.IsNone)
        {
            var isWhole = frame.Flags.HasFlag(FrameFlags.EndStream);
            streams.Add(frame.Stream, new Http2Stream(_known.Begin(in frame)) { ClientEnded = isWhole, BodyLeft = _known.ContentLength });
            Frame.WriteHeaders(connection.Worker.ToServer, frame.Stream, isWhole, _known.Written);
        }

        return fault;
    }

    private FrameFault OnRequest(in Frame frame, HeaderList headers)
    {
        var admission = Admit();
        if (!admission.IsNone)
        {
            return admission;
        }

        var isWhole = frame.Flags.HasFlag(FrameFlags.EndStream);
        var fault = RequestFields.Read(headers, out var request);
        fault = fault == RequestFault.None && isWhole && request.ContentLength > 0 ? RequestFault.ContentLength : fault;
        var snapshot = connection.Worker.Snapshot; // it may be another one a moment later
        var judgement = fault == RequestFault.None
            ? Judge.Decide(snapshot, in connection.Flow, request.Method, request.Path, request.Host, in headers)
            : new Judgement(AccessVerdict.Invalid, 0, false, RequestFaults.Explain(fault), []);
        if (fault != RequestFault.None)
        {
            connection.Worker.Counters.Count(fault);
        }

        var stream = new Http2Stream(Begin(in frame, in request, in judgement)) { ClientEnded = isWhole, BodyLeft = request.ContentLength };
        if (stream.IsRefused)
        {
            return Refuse(in frame, stream, fault, in judgement);
        }

        streams.Add(frame.Stream, stream);
        if (HeadEditor.Changes(judgement.Mended))
        {
            headers.Mend(judgement.Mended);
        }

        var written = Write(frame.Stream, isWhole, headers);
        _known.Allowed(connection, snapshot.Version, isWhole, in request, in judgement, written);
        CountMemory();
        return FrameFault.None;
    }

    private Exchange Begin(in Frame frame, in RequestFields request, in Judgement judgement)
    {
        var status = judgement.Verdict switch
        {
            AccessVerdict.Allowed or AccessVerdict.Audited => 0,
            AccessVerdict.Refused => 403,
            AccessVerdict.Invalid => 400,
            _ => 503,
        };
        // What nobody will see is not made into text.
        var isShown = judgement.Verdict != AccessVerdict.Allowed || connection.Worker.Reporter.WantsAllowed;
        return new Exchange
        {
            Method = isShown ? Exchange.Show(request.Method) : "",
            Path = isShown ? Exchange.Show(request.Path) : "",
            Host = isShown ? Exchange.Show(request.Host) : "",
            IsHead = request.Method.SequenceEqual("HEAD"u8),
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
    }

    private FrameFault Refuse(in Frame frame, Http2Stream stream, RequestFault fault, in Judgement judgement)
    {
        answers.Answer(frame.Stream, stream.Exchange.Status, judgement.Detail, stream.Exchange.IsHead);
        stream.IsReported = true;
        connection.Report(stream.Exchange);
        if (IsMalformed(fault))
        {
            // The answer says what is wrong; that it is malformed, the protocol has its own way to say (RFC 9113 §8.1.1).
            return new FrameFault(Http2Error.ProtocolError, OfStream: true);
        }

        if (!stream.ClientEnded)
        {
            // Until the client has sent all of it, or too much. It is not reset at once: some clients would lose the answer.
            streams.Add(frame.Stream, stream);
        }

        budget.OnAnswered();
        return FrameFault.None;
    }

    private static bool IsMalformed(RequestFault fault) =>
        fault is not (RequestFault.None or RequestFault.TooLarge or RequestFault.DotSegment or RequestFault.Ambiguous);

    private ReadOnlySpan<byte> Write(uint stream, bool endStream, HeaderList headers)
    {
        var scratch = connection.Worker.BlockBuffer(HpackEncoder.Room(headers));
        var block = scratch[..HpackEncoder.Encode(headers, scratch)];
        Frame.WriteHeaders(connection.Worker.ToServer, stream, endStream, block);
        return block;
    }
}
