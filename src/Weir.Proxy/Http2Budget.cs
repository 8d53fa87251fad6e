// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>
/// What the peers of a connection may send that asks for nothing: it costs them next to nothing, and others the time
/// to read, pass on and answer it. Who uses the connection for what it is there for earns more of it than any client
/// or server needs; who does not has some hundreds a second.
/// </summary>
internal sealed class Http2Budget(WorkerState worker)
{
    private const int MostControl = 1000;
    private const int ControlPerSecond = 200;
    private const int MostResets = 1000;
    private const int ResetsPerSecond = 200;
    private const int PerStream = 5;
    private const int PerData = 2;
    private const int BytesPerWindowUpdate = 1024;

    private Allowance _ofClient = new(MostControl, ControlPerSecond);
    private Allowance _ofServer = new(MostControl, ControlPerSecond);
    private Allowance _resets = new(MostResets, ResetsPerSecond);

    /// <summary>A frame of the client.</summary>
    /// <returns>False: it is one too many.</returns>
    public bool TakeFromClient(in Frame frame) => Take(in frame, ref _ofClient, ref _ofServer);

    /// <summary>A frame of the server.</summary>
    /// <returns>False: it is one too many.</returns>
    public bool TakeFromServer(in Frame frame) => Take(in frame, ref _ofServer, ref _ofClient);

    /// <summary>A stream ends before its answer: by the client's will, or since it made a mistake.</summary>
    /// <returns>False: it is one too many.</returns>
    public bool TakeReset() => _resets.TrySpend(worker.Now);

    /// <summary>A request was answered to its end.</summary>
    public void OnAnswered() => _resets.Earn(1);

    private bool Take(in Frame frame, ref Allowance own, ref Allowance other)
    {
        switch (frame.Type)
        {
            case FrameType.Headers:
                own.Earn(PerStream);
                other.Earn(PerStream);
                return true;
            case FrameType.Data when frame.Length > 0:
                // The other will give credit for it, and may measure the way meanwhile.
                other.Earn(PerData + (frame.Length / BytesPerWindowUpdate));
                return true;
            case FrameType.Data when frame.Flags.HasFlag(FrameFlags.EndStream):
            case FrameType.GoAway or FrameType.RstStream:
                return true; // resets have an allowance of their own
            case FrameType.Ping or FrameType.Settings when !frame.Flags.HasFlag(FrameFlags.Ack):
                other.Earn(1); // for the acknowledgement
                return own.TrySpend(worker.Now);
            case FrameType.Continuation when frame.Length > 0:
                return true;
            default:
                return own.TrySpend(worker.Now);
        }
    }
}
