// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>Reads a client's frames: what is right in its place goes on, what is not ends its stream or the connection.</summary>
internal sealed class Http2ClientReader(
    Connection connection, Http2Streams streams, Http2Answers answers, Http2Requests requests, Http2ServerReader server, Http2Budget budget)
{
    private const int MostControlBytes = 64 * 1024;
    private const int MuchGathered = 64 * 1024;
    private const int FramesBetweenLooks = 64;

    private readonly Http2Body _body = new(streams, answers);
    private readonly Http2Resets _resets = new(connection, streams, answers, budget);
    private bool _hasPreface;
    private bool _hasSettings;
    private int _frames;

    /// <summary>What is wrong with the connection.</summary>
    public FrameFault Fault { get; private set; }

    /// <summary>A body is on its way, which may take its time.</summary>
    public bool InData => _body.Left > 0;

    /// <summary>Reads frames, into the worker's outboxes or straight on.</summary>
    /// <returns>Bytes used.</returns>
    public int Read(ReadOnlySpan<byte> data)
    {
        var used = 0;
        var passed = 0; // from here to "used" is what goes on as it is
        while (used < data.Length && Fault.IsNone && !connection.IsOver)
        {
            if (_body.Left == 0 && MustWait())
            {
                break;
            }

            var rest = data[used..];
            var passes = false;
            int taken;
            if (_body.Left > 0)
            {
                taken = _body.Take(rest.Length);
                passes = _body.Passes;
            }
            else if (!_hasPreface)
            {
                taken = ReadPreface(rest);
            }
            else if (rest.Length >= Frame.HeadBytes && (FrameType)rest[3] == FrameType.Data)
            {
                taken = ReadData(rest);
                passes = _body.Passes;
            }
            else
            {
                connection.Worker.ToServer.Append(data[passed..used]);
                passed = used;
                taken = ReadFrame(rest);
            }

            if (taken == 0)
            {
                break;
            }

            if (!passes)
            {
                connection.Worker.ToServer.Append(data[passed..used]);
                passed = used + taken;
            }

            used += taken;
        }

        if (connection.Worker.ToServer.Length == 0)
        {
            connection.SendToServer(data[passed..used]);
        }
        else
        {
            connection.Worker.ToServer.Append(data[passed..used]);
        }

        return used;
    }

    /// <summary>Whoever asks and does not take the answers, asks faster than the server takes it, or has had its turn.</summary>
    private bool MustWait()
    {
        var worker = connection.Worker;
        if (worker.ToServer.Length >= MuchGathered)
        {
            connection.FlushToServer();
        }

        if (worker.ToClient.Length >= MuchGathered)
        {
            connection.FlushToClient();
        }

        if (connection.OwesMuch || connection.OwesServerMuch || answers.OwesMuch)
        {
            connection.HoldClient = true;
        }
        else if (++_frames % FramesBetweenLooks == 0 && worker.IsTurnOver)
        {
            connection.ResumeClientLater();
        }

        return connection.HoldClient || connection.IsOver;
    }

    private int ReadPreface(ReadOnlySpan<byte> data)
    {
        var preface = Frame.Preface;
        var common = Math.Min(data.Length, preface.Length);
        if (!data[..common].SequenceEqual(preface[..common]))
        {
            return Fail(Http2Error.ProtocolError);
        }

        if (common < preface.Length)
        {
            return 0;
        }

        _hasPreface = true;
        if (!connection.RefreshFlow())
        {
            connection.Reset();
            return common;
        }

        connection.NeedServer();
        connection.Worker.ToServer.Append(preface);
        return common;
    }

    private int ReadFrame(ReadOnlySpan<byte> data)
    {
        if (data.Length < Frame.HeadBytes)
        {
            return 0;
        }

        var frame = Frame.Read(data);
        var whole = Frame.HeadBytes + frame.Length;
        if (!IsInPlace(in frame))
        {
            return Fail(Http2Error.ProtocolError);
        }

        var fault = FrameRules.CheckHead(in frame, Math.Min(server.LargestFrame, MostControlBytes));
        if (!fault.IsNone && !fault.OfStream)
        {
            return Fail(fault.Error);
        }

        if (data.Length < whole)
        {
            return 0;
        }

        if (!budget.TakeFromClient(in frame))
        {
            return Fail(Http2Error.EnhanceYourCalm);
        }

        var payload = data[Frame.HeadBytes..whole];
        fault = fault.IsNone ? FrameRules.CheckPayload(in frame, payload) : fault;
        if (!fault.IsNone && !fault.OfStream)
        {
            return Fail(fault.Error);
        }

        fault = Handle(in frame, payload, data[..whole], fault);
        return fault.IsNone || OnFault(frame.Stream, fault) ? whole : 0;
    }

    /// <summary>SETTINGS comes first, and nothing comes between the pieces of a header block.</summary>
    private bool IsInPlace(in Frame frame) =>
        requests.InBlock == (frame.Type == FrameType.Continuation) && (!requests.InBlock || frame.Stream == requests.BlockStream)
        && (_hasSettings || (frame.Type == FrameType.Settings && !frame.Flags.HasFlag(FrameFlags.Ack)));

    private int ReadData(ReadOnlySpan<byte> data)
    {
        var frame = Frame.Read(data);
        var fault = IsInPlace(in frame) ? FrameRules.CheckHead(in frame, server.LargestFrame) : new FrameFault(Http2Error.ProtocolError, false);
        if (!fault.IsNone)
        {
            return Fail(fault.Error);
        }

        // The length of the padding must be there as well, to know that of the body.
        if (frame.Flags.HasFlag(FrameFlags.Padded) && data.Length == Frame.HeadBytes)
        {
            return 0;
        }

        fault = FrameRules.CheckPadding(in frame, data);
        if (!fault.IsNone || !budget.TakeFromClient(in frame))
        {
            return Fail(fault.IsNone ? Http2Error.EnhanceYourCalm : fault.Error);
        }

        fault = _body.Begin(in frame, frame.BodyLength(data));
        return fault.IsNone || OnFault(frame.Stream, fault) ? Frame.HeadBytes : 0;
    }

    private FrameFault Handle(in Frame frame, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> whole, FrameFault fault)
    {
        var state = streams.StateOf(frame.Stream, out var stream);
        var isOpen = state == Http2StreamState.Open;
        switch (frame.Type)
        {
            case FrameType.Headers when state == Http2StreamState.Idle && (frame.Stream & 1) == 0:
            case FrameType.Headers when state == Http2StreamState.Skipped:
            case FrameType.RstStream or FrameType.WindowUpdate when frame.Stream != 0 && state is Http2StreamState.Idle or Http2StreamState.Skipped:
                return new FrameFault(Http2Error.ProtocolError, OfStream: false);
            case FrameType.Headers when state == Http2StreamState.Ended:
                return new FrameFault(Http2Error.StreamClosed, OfStream: false);
            case FrameType.Headers when !connection.RefreshFlow():
                connection.Reset();
                return FrameFault.None;
            case FrameType.Headers:
                return requests.OnHeaders(in frame, payload, fault);
            case FrameType.Continuation:
                return requests.OnContinuation(in frame, payload);
            case FrameType.Settings:
                OnSettings(in frame, payload, whole);
                return fault;
            case FrameType.RstStream:
                return _resets.ByClient(frame.Stream, stream, whole) ? FrameFault.None : new FrameFault(Http2Error.EnhanceYourCalm, OfStream: false);
            case FrameType.WindowUpdate when frame.Stream == 0:
                OnCredit(BinaryPrimitives.ReadUInt32BigEndian(payload) & 0x7FFF_FFFF);
                return fault;
            case FrameType.WindowUpdate when isOpen && !stream!.IsRefused && fault.IsNone:
            case FrameType.Ping or FrameType.GoAway:
                connection.Worker.ToServer.Append(whole);
                return fault;
            default:
                // Priorities are advice; what is unknown is to be ignored (§5.5), and what comes late.
                return isOpen || state == Http2StreamState.Idle ? fault : FrameFault.None;
        }
    }

    private void OnSettings(in Frame frame, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> whole)
    {
        if (frame.Flags.HasFlag(FrameFlags.Ack))
        {
            server.OnAcknowledged();
            requests.SetMostTable(server.MostTable);
            connection.Worker.ToServer.Append(whole);
            return;
        }

        Http2Settings.FromClient(connection.Worker.ToServer, payload, isFirst: !_hasSettings);
        _hasSettings = true;
    }

    private void OnCredit(uint credit)
    {
        credit = answers.TakeCredit(credit);
        if (credit > 0)
        {
            Frame.Write(connection.Worker.ToServer, FrameType.WindowUpdate, 0, credit);
        }
    }

    /// <summary>Resets the stream on both sides, or ends the connection.</summary>
    /// <returns>False: the connection.</returns>
    private bool OnFault(uint id, FrameFault fault)
    {
        var isIdle = streams.StateOf(id, out _) == Http2StreamState.Idle;
        if (!fault.OfStream || isIdle)
        {
            Fail(fault.Error);
            return false;
        }

        if (!_resets.ByProxy(id, fault.Error))
        {
            Fail(Http2Error.EnhanceYourCalm);
            return false;
        }

        return true;
    }

    private int Fail(Http2Error error)
    {
        Fault = new FrameFault(error, OfStream: false);
        return 0;
    }
}
