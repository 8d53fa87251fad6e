// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>The DATA frame of a client that is being read: whether it goes on, and how much of it is to come.</summary>
internal sealed class Http2Body(Http2Streams streams, Http2Answers answers)
{
    /// <summary>Bytes that are to come.</summary>
    public int Left { get; private set; }

    /// <summary>The server gets it.</summary>
    public bool Passes { get; private set; }

    /// <summary>Some of it has come.</summary>
    /// <returns>How much of that belongs to it.</returns>
    public int Take(int length)
    {
        var taken = Math.Min(Left, length);
        Left -= taken;
        return taken;
    }

    /// <summary>A frame begins.</summary>
    /// <param name="bodyLength">Its bytes without padding.</param>
    /// <returns>What is wrong with it.</returns>
    public FrameFault Begin(in Frame frame, int bodyLength)
    {
        Passes = false;
        var fault = Judge(in frame, bodyLength);
        Passes &= fault.IsNone;
        Left = frame.Length;
        if (!Passes)
        {
            answers.ReturnCredit(frame.Length);
        }

        return fault;
    }

    private FrameFault Judge(in Frame frame, int bodyLength)
    {
        switch (streams.StateOf(frame.Stream, out var stream))
        {
            case Http2StreamState.Idle or Http2StreamState.Skipped:
                return new FrameFault(Http2Error.ProtocolError, OfStream: false);
            case Http2StreamState.Ended:
                return new FrameFault(Http2Error.StreamClosed, OfStream: false);
            case Http2StreamState.Open when stream!.ClientEnded:
            case Http2StreamState.ResetByClient:
                return new FrameFault(Http2Error.StreamClosed, OfStream: true);
            case Http2StreamState.ResetToClient:
                return FrameFault.None;
        }

        var isEnd = frame.Flags.HasFlag(FrameFlags.EndStream);
        if (!stream!.IsRefused && !stream.CountBody(bodyLength, isEnd))
        {
            return new FrameFault(Http2Error.ProtocolError, OfStream: true);
        }

        Passes = !stream.IsRefused;
        stream.Exchange.RequestBytes += frame.Length;
        if (isEnd)
        {
            stream.ClientEnded = true;
            if (stream.IsReported)
            {
                streams.End(frame.Stream);
            }
        }
        else if (stream.IsRefused)
        {
            Discard(in frame, stream);
        }

        return FrameFault.None;
    }

    /// <summary>Many a client reads the answer only when all of its body is sent.</summary>
    private void Discard(in Frame frame, Http2Stream stream)
    {
        stream.Discarded += frame.Length;
        if (stream.Discarded > Exchanges.MostDiscarded)
        {
            // The answer stands, and the rest is not wanted (RFC 9113 §8.1).
            answers.Reset(frame.Stream, Http2Error.NoError);
            streams.Reset(frame.Stream, byClient: false);
        }
        else if (frame.Length > 0)
        {
            answers.ReturnCredit(frame.Stream, frame.Length);
        }
    }
}
