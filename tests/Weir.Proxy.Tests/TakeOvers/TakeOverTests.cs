// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Security.Cryptography;
using Weir.Http.Rules;
using Weir.Testing;
using Xunit;

namespace Weir.Proxy.Tests.TakeOvers;

/// <summary>Connections that the proxy takes over in their middle, between real TCP stacks: no byte is lost or comes twice, and
/// nobody sees a reset.</summary>
public sealed class TakeOverTests
{
    private const string Get = "GET /open HTTP/1.1\r\nHost: h\r\n\r\n";
    private const string Refused = "GET /closed HTTP/1.1\r\nHost: h\r\n\r\n";
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private static readonly HttpRule[] _rules = [new("GET", "/open", null, []), new("POST", "/open", null, [])];

    public static TheoryData<bool, string> Stacks => new()
    {
        { false, "" },
        { true, "" },
        { false, "net.ipv4.tcp_timestamps=0" },
        { true, "net.ipv4.tcp_timestamps=0" },
        { false, "net.ipv4.tcp_sack=0" },
        { false, "net.ipv4.tcp_window_scaling=0" },
        { false, "net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0 net.ipv4.tcp_window_scaling=0" },
    };

    [PrivilegedTheory]
    [MemberData(nameof(Stacks))]
    public void RefusedRequest_IsAnsweredOnItsConnection_WhichGoesOn(bool isV6, string sysctls)
    {
        using var crossing = new Crossing(isV6, sysctls, rules: _rules);
        (Socket client, Socket server) = Taken(crossing, Refused);
        using (client)
        using (server)
        {
            Assert.StartsWith("HTTP/1.1 403 ", HearAnswer(client), StringComparison.Ordinal);
            for (int i = 0; i < 3; i++)
            {
                Crossing.Say(client, Get);
                Assert.Equal(Get, Crossing.Hear(server, Get.Length));
                Crossing.Say(server, Ok);
                Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
                Crossing.Say(client, Refused);
                Assert.StartsWith("HTTP/1.1 403 ", HearAnswer(client), StringComparison.Ordinal);
            }

            Assert.Equal(0, server.Available);
            Assert.Equal(0, crossing.OldStamps());
            Assert.Equal(0, crossing.Resets());
        }
    }

    /// <summary>The server has no connection yet, only a handshake that ends with the first request (TCP_DEFER_ACCEPT): its kernel takes no
    /// packet for that one which echoes a time stamp of anything but its SYN.</summary>
    [PrivilegedTheory]
    [MemberData(nameof(Stacks))]
    public void FirstRequest_ReachesAServerThatWaitsForIt(bool isV6, string sysctls)
    {
        using var crossing = new Crossing(isV6, sysctls, rules: _rules);
        using Socket client = crossing.ConnectToDeferring();
        crossing.CloseWay();
        Crossing.Say(client, Get);
        Assert.Equal(1, crossing.TakeOver(crossing.Dropped(client)));
        using Socket server = crossing.Accept();
        Assert.Equal(Get, Crossing.Hear(server, Get.Length));
        Crossing.Say(server, Ok);
        Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
        Assert.Equal(0, crossing.Resets());
    }

    [PrivilegedTheory]
    [MemberData(nameof(Stacks))]
    public void LargeBodies_BothWays_ArriveByteForByte(bool isV6, string sysctls)
    {
        const int Length = 8 << 20;
        using var crossing = new Crossing(isV6, sysctls, rules: _rules);
        byte[] up = RandomNumberGenerator.GetBytes(Length), down = RandomNumberGenerator.GetBytes(Length);
        string head = $"POST /open HTTP/1.1\r\nHost: h\r\nContent-Length: {Length}\r\n\r\n";
        (Socket client, Socket server) = crossing.Connect();
        using (client)
        using (server)
        {
            crossing.CloseWay();
            Crossing.Say(client, head);
            // More of it than an event has room for, and more of it than one segment, is on its way when the way is closed.
            var saying = new Thread(() => Crossing.Say(client, up));
            saying.Start();
            Assert.Equal(1, crossing.TakeOver(crossing.Dropped(client)));
            Assert.Equal(head, Crossing.Hear(server, head.Length));
            Assert.Equal(SHA256.HashData(up), Hash(Crossing.Hear(server, Length)));
            saying.Join();
            Crossing.Say(server, $"HTTP/1.1 200 OK\r\nContent-Length: {Length}\r\n\r\n");
            saying = new Thread(() => Crossing.Say(server, down));
            saying.Start();
            Crossing.HearUntil(client, "\r\n\r\n");
            Assert.Equal(SHA256.HashData(down), Hash(Crossing.Hear(client, Length)));
            saying.Join();
            Assert.Equal((0, 0), (client.Available, server.Available));
            Assert.Equal(0, crossing.OldStamps());
            Assert.Equal(0, crossing.Resets());
        }
    }

    [PrivilegedFact]
    public void ChunkedUpload_GoesOnAsItCame()
    {
        const string Head = "POST /open HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        using var crossing = new Crossing(rules: _rules);
        (Socket client, Socket server) = Taken(crossing, Head + "5\r\nhello\r\n");
        using (client)
        using (server)
        {
            Assert.Equal(Head + "5\r\nhello\r\n", Crossing.Hear(server, Head.Length + 10));
            Crossing.Say(client, "0\r\n\r\n");
            Assert.Equal("0\r\n\r\n", Crossing.Hear(server, 5));
            Crossing.Say(server, Ok);
            Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
            Assert.Equal(0, crossing.Resets());
        }
    }

    /// <summary>The client is told that the first half has come, by the proxy's reading it alone: else it might not send the other.</summary>
    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void HalfAHead_TheOtherComes_AndTheServerSeesItWhole(bool isV6)
    {
        using var crossing = new Crossing(isV6, rules: _rules);
        (Socket client, Socket server) = Taken(crossing, Get[..20]);
        using (client)
        using (server)
        {
            var end = client.LocalEndPoint!;
            Assert.True(SpinWait.SpinUntil(() => crossing.See() is var seen && seen.Last(s => s.Source.Equals(end) && s.Data.Length == 20) is var half
                && seen.Any(s => s.Destination.Equals(end) && s.Acknowledged == half.Number + 20), TimeSpan.FromSeconds(20)));
            Assert.Equal(0, server.Available);
            Crossing.Say(client, Get[20..]);
            Assert.Equal(Get, Crossing.Hear(server, Get.Length));
            Crossing.Say(server, Ok);
            Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
            Assert.Equal(0, crossing.Resets());
        }
    }

    [PrivilegedFact]
    public void SeveralConnections_FromOneClientToOneServer_AreApart()
    {
        using var crossing = new Crossing(rules: _rules);
        (Socket Client, Socket Server)[] all = [crossing.Connect(), crossing.Connect(), crossing.Connect()];
        crossing.CloseWay();
        foreach ((Socket client, _) in all)
        {
            Crossing.Say(client, Get);
        }

        foreach ((Socket client, _) in all)
        {
            Assert.Equal(1, crossing.TakeOver(crossing.Dropped(client)));
        }

        foreach ((Socket client, Socket server) in all)
        {
            Assert.Equal(Get, Crossing.Hear(server, Get.Length));
            Crossing.Say(server, Ok);
            Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
            client.Dispose();
            Crossing.HearEnd(server);
            server.Dispose();
        }

        Assert.Equal(0, crossing.Resets());
    }

    [PrivilegedTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void OneEnd_Ends_SoDoesTheOthersSide(bool clientIsFirst)
    {
        using var crossing = new Crossing(rules: _rules);
        (Socket client, Socket server) = Answered(crossing);
        (Socket first, Socket second) = clientIsFirst ? (client, server) : (server, client);
        using (first)
        using (second)
        {
            first.Shutdown(SocketShutdown.Send);
            Crossing.HearEnd(second);
            second.Close();
            Crossing.HearEnd(first);
            Assert.True(SpinWait.SpinUntil(() => crossing.Proxy.Stats().ConnectionsOpen == 0, TimeSpan.FromSeconds(20)));
            Assert.Equal(0, crossing.Resets());
        }
    }

    [PrivilegedTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Either_Resets_SoDoesTheProxyToTheOther(bool byServer)
    {
        using var crossing = new Crossing(rules: _rules);
        (Socket client, Socket server) = Answered(crossing);
        (Socket first, Socket second) = byServer ? (server, client) : (client, server);
        using (second)
        {
            first.LingerState = new LingerOption(true, 0);
            first.Close();
            Crossing.HearReset(second);
        }
    }

    [PrivilegedFact]
    public void ConnectionThatMayNotBe_IsResetAtBothEnds()
    {
        using var crossing = new Crossing(mostConnections: 0, rules: _rules);
        (Socket client, Socket server) = Taken(crossing, Get);
        using (client)
        using (server)
        {
            Crossing.HearReset(client);
            Crossing.HearReset(server);
            Assert.Equal(0, crossing.Proxy.Stats().ConnectionsOpen);
        }
    }

    [PrivilegedFact]
    public void ConnectionThatPolicyForbidsByNow_IsResetAtBothEnds()
    {
        using var crossing = new Crossing(rules: _rules);
        crossing.Flows.Denies = true;
        (Socket client, Socket server) = Taken(crossing, Get);
        using (client)
        using (server)
        {
            Crossing.HearReset(client);
            Crossing.HearReset(server);
        }
    }

    [PrivilegedFact]
    public void SameConnection_AskedForAgain_GoesOn()
    {
        using var crossing = new Crossing(rules: _rules);
        (Socket client, Socket server) = crossing.Connect();
        using (client)
        using (server)
        {
            crossing.CloseWay();
            Crossing.Say(client, Get);
            var dropped = crossing.Dropped(client);
            Assert.Equal(1, crossing.TakeOver(dropped));
            Assert.Equal(0, crossing.TakeOver(dropped));
            Assert.Equal(Get, Crossing.Hear(server, Get.Length));
            Crossing.Say(server, Ok);
            Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
            Assert.Equal((1ul, 1ul, 0), (crossing.Proxy.Stats().Connections, crossing.Proxy.Stats().TakenOver, crossing.Resets()));
        }
    }

    /// <summary>Nobody hears of sockets that were made for nothing.</summary>
    [PrivilegedFact]
    public void Connection_ThatIsNotWantedAnyMore_GoesOnWithoutTheProxy()
    {
        using var crossing = new Crossing(rules: _rules);
        (Socket client, Socket server) = crossing.Connect();
        using (client)
        using (server)
        {
            crossing.CloseWay();
            Crossing.Say(client, Get);
            Assert.Equal(1, crossing.TakeOver(crossing.Dropped(client), isWanted: false));
            crossing.OpenWay();
            Assert.Equal(Get, Crossing.Hear(server, Get.Length));
            Crossing.Say(server, Ok);
            Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
            Assert.Equal((0ul, 0), (crossing.Proxy.Stats().Connections, crossing.Resets()));
        }
    }

    /// <summary>What is taken over while the proxy has begun to drain would outlive it.</summary>
    [PrivilegedFact]
    public void StoppedReader_TakesNothingOver()
    {
        using var crossing = new Crossing(rules: _rules);
        bool isAsked = false;
        using var reader = new TakeOverReader(crossing.Proxy);
        reader.Stop();
        reader.TakeOver(default, [], (_, _) => isAsked = true);
        Assert.False(isAsked);
    }

    private static (Socket Client, Socket Server) Taken(Crossing crossing, string said)
    {
        (Socket client, Socket server) = crossing.Connect();
        crossing.CloseWay();
        Crossing.Say(client, said);
        Assert.Equal(1, crossing.TakeOver(crossing.Dropped(client)));
        return (client, server);
    }

    /// <summary>With one more request that went by the proxy.</summary>
    private static (Socket Client, Socket Server) Answered(Crossing crossing)
    {
        (Socket client, Socket server) = Taken(crossing, Get);
        Assert.Equal(Get, Crossing.Hear(server, Get.Length));
        Crossing.Say(server, Ok);
        Assert.Equal(Ok, Crossing.Hear(client, Ok.Length));
        return (client, server);
    }

    private static string HearAnswer(Socket client)
    {
        string head = Crossing.HearUntil(client, "\r\n\r\n");
        string length = head.Split("\r\n").Single(line => line.StartsWith("Content-Length: ", StringComparison.Ordinal)).Split(' ')[1];
        return head + Crossing.Hear(client, int.Parse(length, System.Globalization.CultureInfo.InvariantCulture));
    }

    private static byte[] Hash(string latin) => SHA256.HashData(System.Text.Encoding.Latin1.GetBytes(latin));
}
