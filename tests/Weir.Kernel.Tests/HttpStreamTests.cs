// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;
using Xunit.Abstractions;
using static Weir.Kernel.Tests.HttpConversation;

namespace Weir.Kernel.Tests;

/// <summary>
/// A client that does whatever TCP lets it do, packets that are lost, late and twice, and a server that puts together what reaches it: whatever it reads must
/// be allowed requests and their bodies, up to where it has got. WEIR_SEED and WEIR_CASES repeat and enlarge a run.
/// </summary>
public sealed class HttpStreamTests(ITestOutputHelper output)
{
    private const int StepsOfAConnection = 60;

    [PrivilegedFact]
    public void WhateverIsSent_TheServerReadsAllowedRequestsAlone()
    {
        int seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}");
        int cases = int.Parse(Environment.GetEnvironmentVariable("WEIR_CASES") ?? "60");
        int passed = 0, dropped = 0, requests = 0, takenOver = 0;
        using var c = new HttpConversation();
        for (int i = 0; i < cases; i++)
        {
            var server = new Server();
            var client = new Attack(c, server, new Random(unchecked((seed * 7919) + i)));
            c.Programs.ClearConntrack();
            c.AskFor(Number);
            c.Forget();
            c.Open();
            for (int step = 0; step < StepsOfAConnection && !client.IsOver; step++)
            {
                client.Step();
                if (server.WhatIsWrong() is { } wrong)
                {
                    Assert.Fail($"seed {seed}, case {i}, step {step}: {wrong}\n{client.Log}");
                }
            }

            passed += client.Passed;
            dropped += client.Dropped;
            requests += server.Requests;
            takenOver += client.IsTakenOver ? 1 : 0;
        }

        output.WriteLine($"seed {seed}: {passed} packets passed, {dropped} did not; {requests} requests read, {takenOver} of {cases} connections taken over");

        // A datapath that lets nothing through would be right as well.
        Assert.True(requests > cases / 2 && passed > cases && dropped > cases && takenOver > cases / 20, "too few to be a test");
    }

    /// <summary>What has arrived, byte for byte; of two versions of one byte before it was read either may be what is read.</summary>
    private sealed class Server
    {
        private readonly Dictionary<long, (byte First, byte Last)> _bytes = [];
        private readonly StringBuilder _read = new();

        internal long Next { get; private set; }

        internal long Answered { get; set; }

        internal int Requests { get; private set; }

        internal void Receive(long at, ReadOnlySpan<byte> data)
        {
            for (int i = 0; i < data.Length; i++)
            {
                long place = at + i;
                if (place >= Next)
                {
                    _bytes[place] = _bytes.TryGetValue(place, out var before) ? (before.First, data[i]) : (data[i], data[i]);
                }
            }
        }

        /// <summary>Reads on, as far as there is no gap: the first version of each byte, or the last.</summary>
        internal void Read(bool last)
        {
            while (_bytes.Remove(Next, out var value))
            {
                _read.Append((char)(last ? value.Last : value.First));
                Next++;
            }
        }

        /// <summary>Null: nothing that was read is anything but an allowed request, as far as it is whole.</summary>
        internal string? WhatIsWrong()
        {
            string text = _read.ToString();
            int at = 0;
            Requests = 0;
            while (at < text.Length)
            {
                int end = text.IndexOf("\r\n\r\n", at, StringComparison.Ordinal);
                if (end < 0)
                {
                    return $"part of a head: {Shown(text[at..])}";
                }

                string[] lines = text[at..end].Split("\r\n");
                string[] words = lines[0].Split(' ');
                int length = lines.Where(line => line.StartsWith("Content-Length: ", StringComparison.Ordinal)).Select(line => int.Parse(line[16..])).FirstOrDefault();
                bool isAllowed = words is ["GET", var path, "HTTP/1.1"] && path.StartsWith("/ok", StringComparison.Ordinal)
                    || words is ["POST", var target, "HTTP/1.1"] && target.StartsWith("/in", StringComparison.Ordinal);
                if (!isAllowed)
                {
                    return $"at {at}: {Shown(text[at..end])}";
                }

                Requests++;
                if (lines.Contains("Connection: close") && text.Length > end + 4 + length)
                {
                    return $"after the last request: {Shown(text[(end + 4 + length)..])}";
                }

                at = end + 4 + length;
            }

            return null;
        }

        private static string Shown(string text) => text.Replace("\r\n", "|");
    }

    private sealed class Attack(HttpConversation c, Server server, Random random)
    {
        private const string Secret = "GET /secret HTTP/1.1\r\nHost: api\r\n\r\n";

        private readonly List<(long At, byte[] Data)> _sent = []; // what was meant to be there
        private readonly List<(long At, byte[] Data)> _late = []; // passed, and did not arrive yet
        private readonly StringBuilder _log = new();
        private long _end; // behind what was sent in order
        private long _heard; // of the server's
        private bool _isClosed;

        internal int Passed { get; private set; }

        internal int Dropped { get; private set; }

        internal bool IsTakenOver { get; private set; }

        internal bool IsOver { get; private set; }

        internal string Log => _log.ToString();

        internal void Step()
        {
            switch (random.Next(40))
            {
                case <= 10:
                    SendNext(Request());
                    break;
                case 11:
                    SendNext([.. Request(), .. Request()]);
                    break;
                case 12:
                    SendNext(Encoding.Latin1.GetBytes(Secret));
                    break;
                case 13:
                    SendNext(Noise(random.Next(1, 60)));
                    break;
                case 14 or 15:
                    Send(_end + random.Next(1, 50), random.Next(2) == 0 ? Request() : Encoding.Latin1.GetBytes(Secret));
                    break;
                case <= 20:
                    SendAgain();
                    break;
                case 21 or 22:
                    Send(Math.Max(0, _end - random.Next(1, 80)), [.. random.Next(2) == 0 ? Encoding.Latin1.GetBytes(Secret) : Noise(40), .. Request()]);
                    break;
                case 23 or 24:
                    SendStrange();
                    break;
                case <= 27:
                    Arrive();
                    break;
                default:
                    Arrive();
                    Answer();
                    break;
            }
        }

        private byte[] Noise(int length)
        {
            string all = string.Concat(Enumerable.Repeat(Secret, (length / Secret.Length) + 2));
            return Encoding.Latin1.GetBytes(all.Substring(random.Next(Secret.Length), length));
        }

        /// <summary>An allowed one, whole or not, with as much of its body as comes to mind: at times more.</summary>
        private byte[] Request()
        {
            string padding = random.Next(3) == 0 ? $"X: {new string('x', random.Next(3))}\r\n" : "";
            string close = random.Next(25) == 0 ? "Connection: close\r\n" : "";
            if (random.Next(2) == 0)
            {
                return Get("/ok/" + (char)('a' + random.Next(3)), padding + close);
            }

            int length = random.Next(3) * 30;
            byte[] head = Post("/in/" + (char)('a' + random.Next(3)), length, padding + close);
            byte[] body = Noise(100)[..Math.Min(100, random.Next(4) switch { 0 => 0, 1 => random.Next(length + 1), 2 => random.Next(10) == 0 ? 100 : length, _ => length })];
            byte[] all = [.. head, .. body];
            return random.Next(20) == 0 ? all[..random.Next(1, all.Length)] : all;
        }

        private void SendNext(byte[] data)
        {
            // Where the client believes to be: what was refused it sends again from there.
            long at = c.State is { } state ? state.Next - ClientStart : _end;
            if (c.State is { State: HttpState.Body, Body: var left } && random.Next(4) > 0)
            {
                data = Noise(100)[..(int)Math.Min(left, 100)];
            }

            _end = at + data.Length;
            _sent.Add((at, data));
            Send(at, data);
        }

        private void SendAgain()
        {
            if (_sent.Count == 0)
            {
                return;
            }

            (long at, byte[] data) = _sent[random.Next(_sent.Count)];
            data = [.. data];
            switch (random.Next(4))
            {
                case 0:
                    data[random.Next(data.Length)] ^= (byte)random.Next(1, 4);
                    break;
                case 1:
                    byte[] other = Request();
                    data = other.Length >= data.Length ? other[..data.Length] : [.. other, .. data[other.Length..]];
                    break;
                case 2:
                    int from = random.Next(data.Length), to = random.Next(from, data.Length + 1);
                    (at, data) = (at + from, data[from..to]);
                    break;
            }

            if (data.Length > 0)
            {
                Send(at, data);
            }
        }

        private void SendStrange()
        {
            byte flags = (byte)(random.Next(64) & ~Rst);
            byte[] data = random.Next(2) == 0 ? [] : Request();
            Send(_end + random.Next(-20, 20), data, flags);
        }

        private void Send(long at, byte[] data, byte flags = Ack | Push)
        {
            long ack = random.Next(20) == 0 ? at : random.Next(4) == 0 ? random.NextInt64(_heard + 1) : _heard;
            Outcome outcome = c.Send(at, data, flags, ack);
            _log.AppendLine($"{at} +{data.Length} flags {flags} ack {ack}: {outcome.Action} {outcome.Reason} {Encoding.Latin1.GetString(data).Replace("\r\n", "|")}");
            if (outcome.Action == ProgramHarness.Redirect && outcome.Reason == DropReason.None)
            {
                Passed++;
                if (_isClosed)
                {
                    return; // the server reads no more
                }

                _late.Add((at, data));
                if ((flags & (Fin | Syn)) == Fin)
                {
                    _isClosed = random.Next(2) == 0; // or it is lost
                }

                if (random.Next(3) > 0)
                {
                    Arrive();
                }
            }
            else
            {
                Dropped++;
                IsOver |= outcome.Reason is DropReason.HttpCut or DropReason.CtInvalid;
            }

            foreach ((TakeOver take, byte[] bytes) in c.Programs.ReadTakeOvers())
            {
                // It begins where nothing was judged, and all that was has arrived.
                Assert.Equal((ClientStart + server.Next, ServerStart + server.Answered), (take.Seq, take.Ack));
                Assert.Equal(data, bytes);
                IsTakenOver = IsOver = true;
            }
        }

        /// <summary>Some of what is on its way arrives, in any order, some of it twice, some never.</summary>
        private void Arrive()
        {
            foreach ((long At, byte[] Data) packet in _late.ToList())
            {
                int what = random.Next(4);
                if (what > 0)
                {
                    server.Receive(packet.At, packet.Data);
                }

                if (what > 1 || random.Next(4) == 0)
                {
                    _late.Remove(packet);
                }
            }

            server.Read(last: random.Next(2) == 0);
        }

        /// <summary>The server acknowledges what it has, and mostly says something.</summary>
        private void Answer()
        {
            byte[] data = random.Next(4) == 0 ? [] : new byte[random.Next(1, 30)];
            Outcome outcome = c.Answer(server.Answered, data, ack: server.Next);
            _log.AppendLine($"answer {server.Answered} +{data.Length} ack {server.Next}: {outcome.Reason}");
            if (outcome.Action == ProgramHarness.Redirect)
            {
                server.Answered += data.Length;
                _heard = random.Next(6) == 0 ? _heard : server.Answered;
            }
        }
    }
}
