// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http2;
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;

namespace Weir.Proxy.Tests.Http2;

/// <summary>A connection of HTTP/2 through the proxy: a client that sends what it is told to, and a server that
/// answers every request that is whole, acknowledges and echoes.</summary>
internal sealed class Http2Rig
{
    private readonly StringBuilder _toAnswer = new();
    private int _seen;
    private bool _greeted;

    public Http2Rig(params HttpRule[] rules)
    {
        Rig = new Rig(rules);
    }

    public Rig Rig { get; }

    /// <summary>False: the server keeps still.</summary>
    public bool Answers { get; set; } = true;

    /// <summary>What the client got, a frame each.</summary>
    public List<string> AtClient => Frames.Read(Rig.Client.ReceivedBytes);

    /// <summary>What the server got behind the preface.</summary>
    public List<string> AtServer => Rig.HasServer && Rig.Server.ReceivedBytes.Length > Frame.Preface.Length
        ? Frames.Read(Rig.Server.ReceivedBytes[Frame.Preface.Length..]) : [];

    /// <summary>Preface and settings of both.</summary>
    public Http2Rig Greet(params (SettingType Type, uint Value)[] settings) =>
        Send(Frames.Preface + Frames.Settings(settings)).Send(Frames.SettingsAck);

    /// <summary>The client sends frames, at once; then the server answers.</summary>
    public Http2Rig Send(params string[] frames)
    {
        Rig.ClientSays(string.Concat(frames));
        while (Answers && !Rig.IsForgotten && Rig.HasServer && !Rig.Server.IsClosed && TakeAnswers() is { Length: > 0 } answers)
        {
            Rig.ServerSays(answers);
        }

        return this;
    }

    private string TakeAnswers()
    {
        if (!_greeted)
        {
            _greeted = true;
            _toAnswer.Append(Frames.Settings((SettingType.MaxConcurrentStreams, 100)));
        }

        foreach (var frame in TakeFromServer())
        {
            _toAnswer.Append(frame.Split(' ') switch
            {
                ["SETTINGS", "ACK"] => "",
                ["SETTINGS", ..] => Frames.SettingsAck,
                ["PING", "ACK", ..] => "",
                ["PING", var text] => Frames.Ping(text, FrameFlags.Ack),
                [var kind, var stream, .., "END"] when kind is "HEADERS" or "DATA" => Answer(uint.Parse(stream, null)),
                _ => "",
            });
        }

        var answers = _toAnswer.ToString();
        _toAnswer.Clear();
        return answers;
    }

    private List<string> TakeFromServer()
    {
        if (Rig.Server.ReceivedBytes.Length < Frame.Preface.Length)
        {
            return [];
        }

        var frames = Frames.Read(Rig.Server.ReceivedBytes[Math.Max(_seen, Frame.Preface.Length)..], out var used);
        _seen = Math.Max(_seen, Frame.Preface.Length) + used;
        return frames;
    }

    private static string Answer(uint stream) =>
        Frames.Headers(stream, Frames.Block((":status", "200")), Frames.EndHeaders) + Frames.Data(stream, "ok");
}
