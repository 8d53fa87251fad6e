// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>Passes a server's frames on as they are, and reads in them how its answers stand.</summary>
internal sealed class Http2ServerReader(Connection connection, Http2Streams streams, Http2Answers answers, Http2Budget budget)
{
    private const int MostControlBytes = 64 * 1024;
    private const int MostPieces = 64;
    private const int MostUnacknowledged = 16;

    private readonly HpackDecoder _decoder = new() { MostTable = 4 * HpackDecoder.MostTableBytes };
    private ByteQueue _block;
    private KnownBlock _known;
    private int _knownStatus;
    private readonly Queue<int> _tables = []; // of settings that the client has not acknowledged
    private Frame _blockFrame;
    private int _pieces;
    private int _dataLeft;

    /// <summary>Bytes of a frame that the client may send, by the server's settings.</summary>
    public int LargestFrame { get; private set; } = Frame.LeastMaximum;

    /// <summary>The largest table that the client may use for its headers.</summary>
    public int MostTable { get; private set; } = HpackDecoder.MostTableBytes;

    /// <summary>Bytes of memory; counted where they change, since it is asked for after each event.</summary>
    public int Memory { get; private set; }

    private bool InBlock => _blockFrame.Type == FrameType.Headers;

    /// <summary>Passes frames on.</summary>
    /// <returns>Bytes used.</returns>
    public int Read(ReadOnlySpan<byte> data, out bool isBroken)
    {
        var output = connection.Worker.ToClient;
        isBroken = false;
        var used = 0;
        var passed = 0; // from here to "used" is what goes on as it is
        while (used < data.Length && !isBroken)
        {
            var rest = data[used..];
            if (_dataLeft > 0)
            {
                var taken = Math.Min(_dataLeft, rest.Length);
                _dataLeft -= taken;
                used += taken;
            }
            else
            {
                var taken = ReadFrame(rest, out var frame, out isBroken);
                if (taken == 0)
                {
                    break;
                }

                if (frame.Type == FrameType.Settings && !frame.Flags.HasFlag(FrameFlags.Ack))
                {
                    output.Append(data[passed..used]);
                    OnSettings(rest[Frame.HeadBytes..taken]);
                    passed = used + taken;
                }

                used += taken;
            }

            answers.IsBetween = answers.IsStarted && _dataLeft == 0 && !InBlock;
            if (answers.IsBetween && answers.HasWaiting)
            {
                output.Append(data[passed..used]);
                passed = used;
                answers.WriteWaiting();
            }
        }

        Pass(data[passed..used]);
        return used;
    }

    /// <summary>The client has acknowledged settings: the oldest of those it had not yet.</summary>
    public void OnAcknowledged()
    {
        if (_tables.TryDequeue(out var size))
        {
            MostTable = size;
        }
    }

    /// <summary>The connection is over.</summary>
    public void Clear() => _block.Clear();

    /// <summary>What is alone goes without being copied.</summary>
    private void Pass(ReadOnlySpan<byte> data)
    {
        if (connection.Worker.ToClient.Length == 0)
        {
            connection.SendToClient(data);
        }
        else
        {
            connection.Worker.ToClient.Append(data);
        }
    }

    private int ReadFrame(ReadOnlySpan<byte> data, out Frame frame, out bool isBroken)
    {
        frame = default;
        isBroken = false;
        if (data.Length < Frame.HeadBytes)
        {
            return 0;
        }

        frame = Frame.Read(data);
        if (frame.Type == FrameType.Data)
        {
            isBroken = InBlock || !answers.IsStarted || !budget.TakeFromServer(in frame);
            _dataLeft = frame.Length;
            OnData(in frame);
            return Frame.HeadBytes;
        }

        var whole = Frame.HeadBytes + frame.Length;
        if (frame.Length > MostControlBytes || frame.Type == FrameType.PushPromise // forbidden by the settings
            || InBlock != (frame.Type == FrameType.Continuation) || (!answers.IsStarted && frame.Type != FrameType.Settings))
        {
            isBroken = true;
            return 0;
        }

        if (data.Length < whole)
        {
            return 0;
        }

        isBroken = !budget.TakeFromServer(in frame) || !Handle(in frame, data[Frame.HeadBytes..whole]);
        return whole;
    }

    private void OnData(in Frame frame)
    {
        if (streams.TryGet(frame.Stream, out var stream))
        {
            stream.Exchange.ResponseBytes += frame.Length;
            if (frame.Flags.HasFlag(FrameFlags.EndStream))
            {
                OnEnd(frame.Stream, stream);
            }
        }
    }

    private void OnSettings(ReadOnlySpan<byte> payload)
    {
        answers.OnSettings(payload);
        LargestFrame = Math.Max(LargestFrame, Http2Settings.Find(payload, SettingType.MaxFrameSize) ?? 0);
        var table = Http2Settings.Find(payload, SettingType.HeaderTableSize) ?? (_tables.Count > 0 ? _tables.Last() : MostTable);
        _tables.Enqueue(table);
        MostTable = Math.Max(MostTable, table); // a smaller one counts once the client knows of it
        if (_tables.Count > MostUnacknowledged)
        {
            OnAcknowledged();
        }
    }

    private bool Handle(in Frame frame, ReadOnlySpan<byte> payload)
    {
        switch (frame.Type)
        {
            case FrameType.Headers:
                _blockFrame = frame;
                _pieces = 0;
                return frame.TryStrip(ref payload) && AddToBlock(in frame, payload);
            case FrameType.Continuation:
                return frame.Stream == _blockFrame.Stream && AddToBlock(in frame, payload);
            case FrameType.RstStream:
                if (streams.TryGet(frame.Stream, out var stream))
                {
                    streams.Reset(frame.Stream, byClient: false);
                    if (!stream.IsReported)
                    {
                        stream.Exchange.Detail = "reset by the server";
                        connection.Report(stream.Exchange);
                    }
                }

                return true;
            default:
                return true;
        }
    }

    private bool AddToBlock(in Frame frame, ReadOnlySpan<byte> fragment)
    {
        var isLast = frame.Flags.HasFlag(FrameFlags.EndHeaders);
        if (_block.Length + fragment.Length > MostControlBytes || ++_pieces > MostPieces)
        {
            return false;
        }

        if (isLast && _block.Length == 0)
        {
            return OnBlock(fragment);
        }

        _block.Append(fragment);
        CountMemory();
        return !isLast || OnBlock(_block.Span);
    }

    private bool OnBlock(ReadOnlySpan<byte> block)
    {
        var first = _blockFrame;
        var isDecoded = TryReadStatus(block, out var status);
        _blockFrame = default;
        if (!_block.IsEmpty)
        {
            _block.Clear();
            CountMemory();
        }

        if (isDecoded && streams.TryGet(first.Stream, out var stream))
        {
            stream.Exchange.ResponseBytes += first.Length;
            if (status >= 200)
            {
                stream.Exchange.Status = status;
            }

            if (first.Flags.HasFlag(FrameFlags.EndStream))
            {
                OnEnd(first.Stream, stream);
            }
        }

        return isDecoded;
    }

    /// <param name="status">0: it has none.</param>
    /// <returns>False: the block is malformed.</returns>
    private bool TryReadStatus(ReadOnlySpan<byte> block, out int status)
    {
        var version = _decoder.Version;
        if (_known.Is(block, version))
        {
            status = _knownStatus;
            return true;
        }

        var headers = connection.Worker.HeaderList;
        status = 0;
        if (!_decoder.Decode(block, headers))
        {
            return false;
        }

        if (headers.Count > 0 && headers.Name(0).SequenceEqual(":status"u8))
        {
            _ = int.TryParse(headers.Value(0), out status);
        }

        _known.Keep(block, version, _decoder.Version);
        _knownStatus = status;
        CountMemory();
        return true;
    }

    private void CountMemory() => Memory = _decoder.Memory + _block.Memory + _known.Memory;

    private void OnEnd(uint id, Http2Stream stream)
    {
        if (!stream.IsReported)
        {
            stream.IsReported = true;
            budget.OnAnswered();
            connection.Report(stream.Exchange);
            if (stream.ClientEnded)
            {
                streams.End(id);
            }
        }
    }
}
