// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Linux;
using Weir.Proxy.Tests.Memory;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Proxy.Tests;

/// <summary>Clients and servers that say and do anything in any order: nobody spins, nothing is left behind, and no
/// request that the rule does not allow reaches the server. WEIR_SEED and WEIR_CASES repeat and enlarge a run.</summary>
public sealed class SessionFuzzTests(ITestOutputHelper output)
{
    private static readonly string[] _requests =
    [
        "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
        "GET /refused HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 29\r\n\r\nGET /refused HTTP/1.1\r\nHost: h",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "CONNECT /a HTTP/1.1\r\nHost: h\r\n\r\n",
        "5\r\nhello!\r\n",
    ];

    private static readonly string[] _answers =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 No\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok",
        "HTTP/1.0 200 OK\r\n\r\nuntil close",
        "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n\r\n",
    ];

    [Fact]
    public void AnyOrder_OfAnything_LeavesNothingBehind()
    {
        int seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", null);
        int cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "5000", null);
        output.WriteLine($"seed {seed}, {cases} cases");
        for (int i = 0; i < cases; i++)
        {
            var random = new Random(unchecked(seed + i));
            var rig = new Rig(new HttpRule(null, "/a", null, []));
            rig.Sockets.ConnectsAtOnce = random.Next(2) == 0;
            rig.Sockets.LateError = random.Next(8) == 0 ? Errno.ConnectionRefused : 0;
            for (int steps = random.Next(1, 30); steps > 0 && !rig.IsForgotten; steps--)
            {
                Step(rig, random);
                Assert.True(!rig.HasServer || !rig.Server.Received.Contains(" /refused HTTP/1.1\r\n", StringComparison.Ordinal), $"seed {seed + i}");
            }

            End(rig, random);
            Assert.True(rig.IsForgotten, $"seed {seed + i}: {string.Join("; ", rig.Sockets.All)}");
            Assert.True(rig.Worker.Waiting == 0 && rig.Sockets.All.All(socket => socket.IsClosed), $"seed {seed + i}");
        }
    }

    private static void Step(Rig rig, Random random)
    {
        bool ofServer = rig.HasServer && random.Next(2) == 0;
        MemorySocket socket = ofServer ? rig.Server : rig.Client;
        switch (random.Next(20))
        {
            case 0:
                socket.Ends();
                break;
            case 1:
                socket.Leaves();
                break;
            case 2 when random.Next(3) == 0:
                socket.Resets();
                break;
            case 3:
                socket.Room = random.Next(3) * 30;
                break;
            case 4:
                socket.Room = int.MaxValue;
                break;
            case 5:
                rig.Wait(random.Next(10_000));
                break;
            default:
                string text = ofServer ? _answers[random.Next(_answers.Length)] : _requests[random.Next(_requests.Length)];
                int cut = random.Next(3) == 0 ? random.Next(text.Length) : text.Length;
                socket.SaysIfItCan(text[..cut]);
                if (random.Next(2) == 0)
                {
                    rig.Run();
                }

                socket.SaysIfItCan(text[cut..]);
                break;
        }

        if (random.Next(3) != 0)
        {
            rig.Run();
        }
    }

    /// <summary>Both leave; then time passes.</summary>
    private static void End(Rig rig, Random random)
    {
        if (random.Next(2) == 0)
        {
            rig.Client.Resets();
        }
        else
        {
            rig.Client.Leaves();
        }

        rig.Run();
        for (int i = 0; i < 40; i++)
        {
            rig.Client.Room = int.MaxValue;
            rig.Run();
            if (rig.HasServer)
            {
                rig.Server.Leaves(); // who has ended may wait for an answer as long as the server likes
            }

            rig.Run().Wait(5000);
        }
    }
}
