// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Http.Http1;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>Reads along a client's frames for the requests in them: of all other frames only how long they are.</summary>
internal sealed class Http2Watcher(Connection connection)
{
    private const int MostBytes = 64 * 1024; // of a header block
    private const int MostTable = 64 * 1024; // which the server may have agreed to

    private readonly HpackDecoder _decoder = new() { MostTable = MostTable };
    private ByteQueue _block;
    private bool _hasPreface;
    private uint _stream; // the last that was opened
    private bool _isRequest;
    private long _toSkip;

    /// <summary>Why nothing more is read; null: it goes on.</summary>
    public string? Fault { get; private set; }

    /// <summary>Bytes that it keeps.</summary>
    public int Memory => _decoder.Memory + _block.Memory;

    /// <summary>The connection is over.</summary>
    public void Clear() => _block.Clear();

    /// <returns>Bytes used; 0: more must arrive, or nothing more is read.</returns>
    public int Read(ReadOnlySpan<byte> data)
    {
        if (!_hasPreface)
        {
            _hasPreface = data.Length >= Frame.Preface.Length;
            return _hasPreface ? Frame.Preface.Length : 0;
        }

        if (_toSkip > 0)
        {
            var skipped = (int)Math.Min(_toSkip, data.Length);
            _toSkip -= skipped;
            return skipped;
        }

        if (data.Length < Frame.HeadBytes)
        {
            return 0;
        }

        var frame = Frame.Read(data);
        if (frame.Type is not (FrameType.Headers or FrameType.Continuation))
        {
            _toSkip = frame.Length;
            return Frame.HeadBytes;
        }

        if (_block.Length + frame.Length > MostBytes)
        {
            return GiveUp(RequestFaults.Explain(RequestFault.TooLarge));
        }

        var whole = Frame.HeadBytes + frame.Length;
        if (data.Length < whole)
        {
            return 0;
        }

        var fragment = data[Frame.HeadBytes..whole];
        if (frame.Type == FrameType.Headers)
        {
            _isRequest = frame.Stream > _stream; // else trailers
            _stream = Math.Max(_stream, frame.Stream);
            if (!frame.TryStrip(ref fragment))
            {
                return GiveUp("malformed frames of HTTP/2");
            }
        }

        _block.Append(fragment);
        return frame.Flags.HasFlag(FrameFlags.EndHeaders) && !OnBlock() ? 0 : whole;
    }

    /// <returns>False: nothing more is read.</returns>
    private bool OnBlock()
    {
        var headers = connection.Worker.HeaderList;
        var length = _block.Length;
        var isDecoded = _decoder.Decode(_block.Span, headers);
        _block.Clear();
        if (!isDecoded)
        {
            GiveUp("malformed headers of HTTP/2");
            return false;
        }

        if (_isRequest)
        {
            OnRequest(headers, length);
        }

        return true;
    }

    private void OnRequest(HeaderList headers, int length)
    {
        var fault = RequestFields.Read(headers, out var request);
        var judgement = fault == RequestFault.None
            ? Judge.Decide(connection.Worker.Snapshot, in connection.Flow, request.Method, request.Path, request.Host, in headers)
            : new Judgement(AccessVerdict.Audited, 0, false, RequestFaults.Explain(fault), []);
        var isShown = judgement.Verdict != AccessVerdict.Allowed || connection.Worker.Reporter.WantsAllowed;
        connection.Report(new Exchange
        {
            Method = isShown ? Exchange.Show(request.Method) : "",
            Path = isShown ? Exchange.Show(request.Path) : "",
            Host = isShown ? Exchange.Show(request.Host) : "",
            Protocol = "HTTP/2",
            Verdict = judgement.Verdict,
            RuleId = judgement.RuleId,
            Ingress = judgement.Ingress,
            Policy = judgement.Policy,
            Detail = judgement.Detail,
            RequestBytes = length,
            IsWatched = true,
        });
    }

    private int GiveUp(string why)
    {
        Fault = why;
        return 0;
    }
}
