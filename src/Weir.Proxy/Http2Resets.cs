// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>Streams that end before their time. Each costs server and proxy a request, and the client next to nothing:
/// they have an allowance.</summary>
internal sealed class Http2Resets(Connection connection, Http2Streams streams, Http2Answers answers, Http2Budget budget)
{
    /// <summary>The client resets a stream.</summary>
    /// <param name="stream">Null: it was over.</param>
    /// <returns>False: it is one too many.</returns>
    public bool ByClient(uint id, Http2Stream? stream, ReadOnlySpan<byte> frame)
    {
        if (stream is null)
        {
            return budget.TakeReset();
        }

        streams.Reset(id, byClient: true);
        if (!stream.IsRefused)
        {
            connection.Worker.ToServer.Append(frame);
        }

        return !Report(stream, "reset by the client") || budget.TakeReset();
    }

    /// <summary>A stream ends on both sides, by the client's fault.</summary>
    /// <returns>False: it is one too many.</returns>
    public bool ByProxy(uint id, Http2Error error)
    {
        var state = streams.StateOf(id, out var stream);
        if (stream is { IsRefused: false })
        {
            Frame.Write(connection.Worker.ToServer, FrameType.RstStream, id, (uint)Http2Error.Cancel);
        }

        if (stream is not null)
        {
            Report(stream, Http2Words.Explain(error).Detail);
        }

        if (state != Http2StreamState.ResetByClient)
        {
            streams.Reset(id, byClient: false);
        }

        answers.Reset(id, error);
        return budget.TakeReset();
    }

    private bool Report(Http2Stream stream, string why)
    {
        if (stream.IsReported)
        {
            return false;
        }

        stream.IsReported = true;
        stream.Exchange.Detail = why;
        connection.Report(stream.Exchange);
        return true;
    }
}
