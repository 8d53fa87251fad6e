// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;
using Weir.Http.Http1;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>What goes to a client of HTTP/2: the server's frames as they are, and the proxy's own between them.</summary>
internal sealed class Http2Answers(Connection connection, Dictionary<uint, Http2Stream> streams)
{
    private const int MostControlBytes = 64 * 1024;
    private const int MuchOwed = 64 * 1024;
    private const uint Reserved = 1024;

    private readonly HpackDecoder _decoder = new();
    private readonly List<byte> _block = [];
    private readonly List<byte[]> _waiting = [];
    private int _waitingBytes;
    private Frame _blockFrame;
    private uint _blockStream;
    private int _dataLeft;
    private uint _reserve;
    private uint _lent;
    private bool _hasReserved;
    private bool _isStarted; // a server's first frame is SETTINGS

    private bool IsBetween => _isStarted && _dataLeft == 0 && _blockFrame.Type != FrameType.Headers;

    /// <summary>The proxy's own frames wait for the server's to end.</summary>
    public bool OwesMuch => _waitingBytes >= MuchOwed;

    /// <summary>Passes the server's frames on.</summary>
    /// <returns>Bytes used.</returns>
    public int Read(ReadOnlySpan<byte> data, out bool isBroken)
    {
        isBroken = false;
        var used = 0;
        while (used < data.Length && !isBroken)
        {
            var rest = data[used..];
            if (_dataLeft > 0)
            {
                var taken = Math.Min(_dataLeft, rest.Length);
                _dataLeft -= taken;
                connection.SendToClient(rest[..taken]);
                used += taken;
            }
            else if (rest.Length < Frame.HeadBytes)
            {
                break;
            }
            else
            {
                var taken = ReadFrame(rest, out isBroken);
                if (taken == 0)
                {
                    break;
                }

                used += taken;
            }

            SendWaiting();
        }

        return used;
    }

    /// <summary>Answers a request that does not reach the server.</summary>
    public void AddOwn(uint stream, int status, string text)
    {
        var body = Encoding.UTF8.GetBytes(text);
        // Only what the client's window holds for us; without that the status must do.
        var hasBody = body.Length <= _reserve;
        AddFrame(Frame.WriteHeaders(stream, !hasBody, HpackEncoder.Encode(
            (":status", $"{status}"), ("content-type", "text/plain; charset=utf-8"), ("content-length", $"{(hasBody ? body.Length : 0)}"))));
        if (hasBody)
        {
            _reserve -= (uint)body.Length;
            _lent += (uint)body.Length;
            AddFrame(Frame.Write(FrameType.Data, FrameFlags.EndStream, stream, body));
        }
    }

    /// <summary>There is no server that would begin.</summary>
    public void StartAlone()
    {
        if (!_isStarted)
        {
            _isStarted = true;
            connection.SendToClient(Http2Settings.FromServer([], isFirst: true));
        }
    }

    /// <summary>Sends a frame as soon as none of the server's is half sent.</summary>
    public void AddFrame(byte[] frame)
    {
        _waiting.Add(frame);
        _waitingBytes += frame.Length;
        SendWaiting();
    }

    /// <summary>
    /// The client's window of the connection belongs to the server; the proxy keeps a small part of the first
    /// credit for its own answers, and what the client gives back for those.
    /// </summary>
    /// <returns>What the server is told.</returns>
    public ReadOnlySpan<byte> TakeCredit(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> whole)
    {
        if (payload.Length != 4)
        {
            return whole;
        }

        var credit = BinaryPrimitives.ReadUInt32BigEndian(payload) & 0x7FFF_FFFF;
        var own = Math.Min(credit, _lent);
        _lent -= own;
        if (!_hasReserved && credit - own > Reserved)
        {
            _hasReserved = true;
            own += Reserved;
        }

        _reserve += own;
        return own == 0 ? whole : own == credit ? default : Frame.Write(FrameType.WindowUpdate, 0, credit - own);
    }

    private void SendWaiting()
    {
        if (!IsBetween)
        {
            return;
        }

        foreach (var frame in _waiting)
        {
            connection.SendToClient(frame);
        }

        _waiting.Clear();
        _waitingBytes = 0;
    }

    private int ReadFrame(ReadOnlySpan<byte> data, out bool isBroken)
    {
        isBroken = false;
        var frame = Frame.Read(data);
        var whole = Frame.HeadBytes + frame.Length;
        if (frame.Type == FrameType.Data)
        {
            _dataLeft = frame.Length;
            connection.SendToClient(data[..Frame.HeadBytes]);
            if (streams.TryGetValue(frame.Stream, out var stream))
            {
                stream.Exchange.ResponseBytes += frame.Length;
            }

            if (frame.Flags.HasFlag(FrameFlags.EndStream))
            {
                EndOfServer(frame.Stream);
            }

            return Frame.HeadBytes;
        }

        if (frame.Length > MostControlBytes || frame.Type == FrameType.PushPromise)
        {
            isBroken = true; // pushes were forbidden by the settings
            return 0;
        }

        if (data.Length < whole)
        {
            return 0;
        }

        isBroken = !Handle(in frame, data[..whole]);
        return whole;
    }

    private bool Handle(in Frame frame, ReadOnlySpan<byte> whole)
    {
        var payload = whole[Frame.HeadBytes..];
        if (frame.Type == FrameType.Settings && !frame.Flags.HasFlag(FrameFlags.Ack))
        {
            connection.SendToClient(Http2Settings.FromServer(payload, isFirst: !_isStarted));
            _isStarted = true;
            return true;
        }

        connection.SendToClient(whole);
        switch (frame.Type)
        {
            case FrameType.Headers:
                _blockFrame = frame;
                _blockStream = frame.Stream;
                return frame.TryStrip(ref payload) && AddToBlock(in frame, payload);
            case FrameType.Continuation:
                return frame.Stream == _blockStream && AddToBlock(in frame, payload);
            case FrameType.RstStream:
                if (streams.Remove(frame.Stream, out var stream) && !stream.IsReported)
                {
                    stream.Exchange.Detail = "reset by the server";
                    connection.Report(stream.Exchange);
                }

                return true;
            default:
                return true;
        }
    }

    private bool AddToBlock(in Frame frame, ReadOnlySpan<byte> fragment)
    {
        if (_block.Count + fragment.Length > MostControlBytes)
        {
            return false;
        }

        _block.AddRange(fragment);
        if (!frame.Flags.HasFlag(FrameFlags.EndHeaders))
        {
            return true;
        }

        var headers = connection.Worker.HeaderList;
        var isDecoded = _decoder.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_block), headers);
        var endStream = _blockFrame.Flags.HasFlag(FrameFlags.EndStream);
        _block.Clear();
        _blockFrame = default;
        if (isDecoded && streams.TryGetValue(_blockStream, out var stream))
        {
            stream.Exchange.ResponseBytes += frame.Length;
            if (headers.Count > 0 && headers.Name(0).SequenceEqual(":status"u8) && int.TryParse(headers.Value(0), out var status) && status >= 200)
            {
                stream.Exchange.Status = status;
            }

            if (endStream)
            {
                EndOfServer(_blockStream);
            }
        }

        return isDecoded;
    }

    private void EndOfServer(uint id)
    {
        if (streams.TryGetValue(id, out var stream) && !stream.IsReported)
        {
            stream.IsReported = true;
            connection.Report(stream.Exchange);
            if (stream.ClientEnded)
            {
                streams.Remove(id);
            }
        }
    }
}
