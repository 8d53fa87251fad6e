// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>However the network cuts a conversation, the same comes out of it.</summary>
public sealed class HttpCutTests
{
    private const string Requests =
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        + "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        + "GET /refused HTTP/1.1\r\nHost: h\r\n\r\n"
        + "GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

    private const string Passed =
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        + "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        + "GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

    private const string FirstAnswers =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\n\r\n";

    private const string LastAnswer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nend";

    private static readonly HttpRule _rule = new(null, "/[abc]", null, []);

    [Fact]
    public void Requests_CutAnywhereTwice_ReachTheServerTheSame()
    {
        for (int first = 0; first <= Requests.Length; first++)
        {
            for (int second = first; second <= Requests.Length; second += 7)
            {
                var rig = new Rig(_rule);
                foreach (string part in new[] { Requests[..first], Requests[first..second], Requests[second..] })
                {
                    rig.ClientSays(part);
                }

                Assert.Equal(Passed, rig.Server.Received);
                CheckAnswers(rig.ServerSays(FirstAnswers + LastAnswer));
            }
        }
    }

    [Fact]
    public void Answers_CutAnywhereTwice_ReachTheClientTheSame()
    {
        string answers = FirstAnswers + LastAnswer;
        for (int first = 0; first <= answers.Length; first++)
        {
            for (int second = first; second <= answers.Length; second += 7)
            {
                var rig = new Rig(_rule).ClientSays(Requests);
                foreach (string part in new[] { answers[..first], answers[first..second], answers[second..] })
                {
                    rig.ServerSays(part);
                }

                CheckAnswers(rig);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Conversation_InSmallPieces_IsTheSame(int size)
    {
        var rig = new Rig(_rule);
        foreach (char[] piece in Requests.Chunk(size))
        {
            rig.ClientSays(new string(piece));
        }

        foreach (char[] piece in (FirstAnswers + LastAnswer).Chunk(size))
        {
            rig.ServerSays(new string(piece));
        }

        Assert.Equal(Passed, rig.Server.Received);
        CheckAnswers(rig);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    public void Conversation_WithEndsThatTakeLittle_IsTheSame(int room)
    {
        var rig = new Rig(_rule);
        rig.Client.Room = room;
        rig.ClientSays(Requests[..20]).ClientSays(Requests[20..]);
        rig.Server.Room = room;
        rig.ServerSays(FirstAnswers).ServerSays(LastAnswer);
        for (int i = 0; i < 1000; i++)
        {
            (rig.Client.Room, rig.Server.Room) = (1, 1);
            rig.Run();
        }

        Assert.Equal(Passed, rig.Server.Received);
        CheckAnswers(rig);
    }

    private static void CheckAnswers(Rig rig)
    {
        string refusal = rig.Client.Received[FirstAnswers.Length..^LastAnswer.Length];
        Assert.Equal(FirstAnswers + refusal + LastAnswer, rig.Client.Received);
        Assert.StartsWith("HTTP/1.1 403 Forbidden\r\n", refusal, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nAccess denied\n", refusal, StringComparison.Ordinal);
        Assert.Equal([200, 200, 403, 200], rig.Told.Select(access => (int)access.Status));
    }
}
