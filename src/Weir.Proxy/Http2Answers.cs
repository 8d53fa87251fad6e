// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;
using Weir.Http.Http2;

namespace Weir.Proxy;

/// <summary>What goes to a client of HTTP/2 from the proxy itself: its frames between the server's, each of which is
/// whole, and the part of the client's window that is the proxy's.</summary>
internal sealed class Http2Answers(Connection connection)
{
    private const int MuchOwed = 64 * 1024;
    private const uint Reserved = 1024;
    private const string DeniedText = "Access denied\n";
    private static readonly byte[] _denied = MakeHeaders(403, DeniedText.Length);
    private static readonly byte[] _deniedBody = Encoding.ASCII.GetBytes(DeniedText);

    private readonly Outbox _output = connection.Worker.ToClient;
    private ByteQueue _waiting;
    private uint _reserve;
    private uint _lent;
    private uint _credit;
    private bool _hasReserved;
    private int _written;

    /// <summary>None of the server's frames is half sent.</summary>
    public bool IsBetween { get; set; }

    /// <summary>A server's first frame, which is SETTINGS, has gone to the client.</summary>
    public bool IsStarted { get; private set; }

    /// <summary>Some of its own frames wait for a server's to end.</summary>
    public bool HasWaiting => !_waiting.IsEmpty;

    public bool OwesMuch => _waiting.Length >= MuchOwed;

    public int Memory => _waiting.Length;

    /// <summary>Answers a request that does not reach the server.</summary>
    /// <param name="isHead">The answer to HEAD has no body.</param>
    public void Answer(uint stream, int status, string text, bool isHead)
    {
        var isDenial = status == 403;
        var body = isDenial ? _deniedBody : Encoding.UTF8.GetBytes(text + "\n");
        // Only what the client's window holds for us; without that the status must do.
        var fits = body.Length <= _reserve;
        var hasBody = fits && !isHead;
        Begin();
        Frame.WriteHeaders(_output, stream, !hasBody, isDenial && fits ? _denied : MakeHeaders(status, fits ? body.Length : 0));
        if (hasBody)
        {
            _reserve -= (uint)body.Length;
            _lent += (uint)body.Length;
            Frame.Write(_output, FrameType.Data, FrameFlags.EndStream, stream, body);
        }

        End();
    }

    /// <summary>Answers with a status alone.</summary>
    public void Answer(uint stream, int status)
    {
        Begin();
        Frame.WriteHeaders(_output, stream, endStream: true, HpackEncoder.Encode((":status", $"{status}")));
        End();
    }

    public void Reset(uint stream, Http2Error error)
    {
        Begin();
        Frame.Write(_output, FrameType.RstStream, stream, (uint)error);
        End();
    }

    /// <summary>The last frame of the connection.</summary>
    /// <param name="last">The last stream that may have reached the server.</param>
    public void GoAway(uint last, Http2Error error)
    {
        if (!IsStarted)
        {
            OnSettings([]);
            IsBetween = true;
            WriteWaiting();
        }

        Span<byte> payload = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(payload, last);
        BinaryPrimitives.WriteUInt32BigEndian(payload[4..], (uint)error);
        Begin();
        Frame.Write(_output, FrameType.GoAway, FrameFlags.None, 0, payload);
        End();
    }

    /// <summary>The server does not hear of these bytes: the proxy gives the client its window back.</summary>
    public void ReturnCredit(int bytes) => _credit += (uint)bytes;

    /// <summary>The same of a stream that the server does not know.</summary>
    public void ReturnCredit(uint stream, int bytes)
    {
        Begin();
        Frame.Write(_output, FrameType.WindowUpdate, stream, (uint)bytes);
        End();
    }

    /// <summary>Writes the credit that has come together.</summary>
    public void SendCredit()
    {
        if (_credit > 0)
        {
            Begin();
            Frame.Write(_output, FrameType.WindowUpdate, 0, _credit);
            _credit = 0;
            End();
        }
    }

    /// <summary>Settings of the server, or none where there is no server that would begin.</summary>
    public void OnSettings(ReadOnlySpan<byte> payload)
    {
        Http2Settings.FromServer(_output, payload, isFirst: !IsStarted);
        IsStarted = true;
    }

    /// <summary>Writes what has waited for the server's frame to end.</summary>
    public void WriteWaiting()
    {
        _output.Append(_waiting.Span);
        _waiting.Clear();
    }

    /// <summary>
    /// The client's window of the connection belongs to the server; the proxy keeps a small part of the first
    /// credit for its own answers, and what the client gives back for those.
    /// </summary>
    /// <returns>What the server is told; 0: nothing.</returns>
    public uint TakeCredit(uint credit)
    {
        var own = Math.Min(credit, _lent);
        _lent -= own;
        if (!_hasReserved && credit - own > Reserved)
        {
            _hasReserved = true;
            own += Reserved;
        }

        _reserve += own;
        return credit - own;
    }

    /// <summary>Nothing more goes to the client.</summary>
    public void Clear() => _waiting.Clear();

    private static byte[] MakeHeaders(int status, int length) =>
        HpackEncoder.Encode((":status", $"{status}"), ("content-type", "text/plain; charset=utf-8"), ("content-length", $"{length}"));

    /// <summary>What follows goes into the outbox, and is taken out again if it has to wait.</summary>
    private void Begin() => _written = _output.Length;

    private void End()
    {
        if (!IsBetween)
        {
            _waiting.Append(_output.Written[_written..]);
            _output.Cut(_written);
        }
    }
}
