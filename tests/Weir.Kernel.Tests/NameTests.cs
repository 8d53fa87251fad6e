// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Weir.Bpf;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>DNS questions that are answered where they are asked, and those that go on as they came.</summary>
public sealed class NameTests : IDisposable
{
    private const ushort A = 1;
    private const ushort Aaaa = 28;
    private const byte Udp = 17;

    private readonly ProgramHarness _h = new(flows: 65536);

    public NameTests()
    {
        _h.AddEndpoint(1, 70_000, "10.11.0.2", "fd00:11::2", network: 7);
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress));
        SetName(7, "api", "10.40.1.5", "fd40::1:5");
        SetName(7, "api.app", "10.40.1.5", "fd40::1:5");
        SetName(7, "only4", "10.40.1.6");
        SetName(7, "nothing");
        SetName(8, "elsewhere", "10.41.0.9");
    }

    public static TheoryData<bool> Families => [false, true];

    public void Dispose() => _h.Dispose();

    [Theory]
    [InlineData(false, "api", A, "10.40.1.5")]
    [InlineData(true, "api", A, "10.40.1.5")]
    [InlineData(false, "api", Aaaa, "fd40::1:5")]
    [InlineData(true, "api", Aaaa, "fd40::1:5")]
    [InlineData(false, "API.aPP", A, "10.40.1.5")]
    [InlineData(false, "only4", A, "10.40.1.6")]
    public void KnownName_IsAnswered_AsItWasAsked(bool v6, string name, ushort type, string address)
    {
        byte[] question = Question(name, type);
        (Answer answer, byte[] frame) = Answered(Ask(v6, question));
        Assert.Null(Checksums.Problem(frame));
        Assert.Equal([IPAddress.Parse(address)], answer.Addresses);
        Assert.Equal((0x1234, 0x8580, 1, 0, 0), (answer.Id, answer.Flags, answer.Questions, answer.Authorities, answer.Additional));
        Assert.Equal(question[12..], answer.Asked); // letter by letter: some resolvers choose upper and lower case by chance
        Assert.Equal(5u, answer.Ttl);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Answer_ComesFromWhomItWasAsked_AndGoesIntoTheContainer(bool v6)
    {
        Frame asked = Ask(v6, Question("api", A));
        (_, byte[] answer) = Answered(asked);
        byte[] there = asked.ToBytes();
        Assert.Equal([.. there[6..12], .. there[..6]], answer[..12]);
        (int from, int length) = v6 ? (22, 16) : (26, 4);
        Assert.Equal([.. there[(from + length)..(from + (2 * length))], .. there[from..(from + length)]], answer[from..(from + (2 * length))]);
        int l4 = v6 ? 54 : 34;
        Assert.Equal([.. there[(l4 + 2)..(l4 + 4)], .. there[l4..(l4 + 2)]], answer[l4..(l4 + 4)]);
        Assert.Equal(64, v6 ? answer[21] : answer[22]);
    }

    [Theory]
    [InlineData("only4", Aaaa)]
    [InlineData("nothing", A)]
    [InlineData("nothing", Aaaa)]
    public void NameWithoutAnAddressOfTheFamily_IsAnsweredWithNone_SoThatNobodyAsksOn(string name, ushort type)
    {
        (Answer answer, byte[] frame) = Answered(Ask(false, Question(name, type)));
        Assert.Null(Checksums.Problem(frame));
        Assert.Equal((0x8580, 0), (answer.Flags, answer.Addresses.Count));
    }

    [Theory]
    [InlineData(A, 8)]
    [InlineData(Aaaa, 8)]
    [InlineData(Aaaa, 3)]
    public void SeveralAddresses_AreAllTold_AnyOfThemFirst(ushort type, int count)
    {
        string[] addresses = [.. Enumerable.Range(1, count).Select(n => type == A ? $"10.40.2.{n}" : $"fd40::2:{n}")];
        SetName(7, "many", addresses);
        HashSet<IPAddress> first = [];
        for (int i = 0; i < 200; i++)
        {
            (Answer answer, byte[] frame) = Answered(Ask(i % 2 == 0, Question("many", type)));
            Assert.Null(Checksums.Problem(frame));
            Assert.Equal(addresses.Order(StringComparer.Ordinal), answer.Addresses.Select(address => $"{address}").Order(StringComparer.Ordinal));
            first.Add(answer.Addresses[0]);
        }

        Assert.Equal(count, first.Count);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void QuestionWithEdns_IsAnsweredWithoutIt_AlsoIfTheAnswerIsShorter(bool v6)
    {
        byte[] question = Question("only4", A, additional: [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 44, .. new byte[44]]);
        (Answer answer, byte[] frame) = Answered(Ask(v6, question));
        Assert.Null(Checksums.Problem(frame));
        Assert.Equal([IPAddress.Parse("10.40.1.6")], answer.Addresses);
        Assert.Equal(0, answer.Additional);
        Assert.True(frame.Length < Ask(v6, question).ToBytes().Length);
    }

    [Fact]
    public void NameOfTheLongestThatIs_IsAnswered_AndALongerOneGoesOn()
    {
        string longest = string.Join('.', new string('a', 63), new string('b', 62));
        Assert.True(DnsName.TryParse(longest, out DnsName name));
        Assert.Equal(DnsName.Longest, name.ToString().Length);
        Assert.Equal((int)NameLimit.Bytes, DnsName.WireBytes);
        SetName(7, longest, "10.40.3.1");
        Assert.Equal([IPAddress.Parse("10.40.3.1")], Answered(Ask(false, Question(longest, A))).Answer.Addresses);
        GoesOn(Ask(false, Question(longest + "b", A)));
        GoesOn(Ask(false, Question(string.Join('.', Enumerable.Repeat(new string('a', 49), 5)), A)));
    }

    public static TheoryData<string> OddQuestions => [.. Odd.Keys];

    [Theory]
    [MemberData(nameof(OddQuestions))]
    public void OddQuestion_GoesOnAsItCame(string what)
    {
        foreach (bool v6 in (bool[])[false, true])
        {
            GoesOn(Ask(v6, Odd[what]));
        }
    }

    private static readonly Dictionary<string, byte[]> Odd = new()
    {
        ["unknown name"] = Question("web", A),
        ["of another network"] = Question("elsewhere", A),
        ["longer than a known one"] = Question("api2", A),
        ["shorter than a known one"] = Question("ap", A),
        ["in an unknown domain"] = Question("api.example", A),
        ["root"] = [.. Question("x", A)[..12], 0, 0, 1, 0, 1],
        ["mail"] = Question("api", 15),
        ["anything"] = Question("api", 255),
        ["HTTPS record"] = Question("api", 65),
        ["chaos class"] = Question("api", A, dnsClass: 3),
        ["an answer"] = Question("api", A, flags: 0x8180),
        ["notify"] = Question("api", A, flags: 0x2100),
        ["cut off"] = Question("api", A, flags: 0x0300),
        ["no question"] = With(Question("api", A), 5, 0),
        ["two questions"] = With(Question("api", A), 5, 2),
        ["with an answer"] = With(Question("api", A), 7, 1),
        ["with an authority"] = With(Question("api", A), 9, 1),
        ["two additional"] = With(Question("api", A), 11, 2),
        ["additional that is not there"] = With(Question("api", A), 11, 1),
        ["something behind it"] = [.. Question("api", A), 0],
        ["cut within its type"] = Question("api", A)[..^3],
        ["cut within its name"] = Question("api", A)[..14],
        ["header alone"] = Question("api", A)[..12],
        ["nothing"] = [],
        ["compressed"] = [.. Question("api", A)[..12], 0xc0, 12, 0, 1, 0, 1],
        ["compressed in the middle"] = [.. Question("api", A)[..16], 0xc0, 12, 0, 1, 0, 1],
        ["extended label"] = [.. Question("api", A)[..12], 0x41, .. Question("api", A)[13..]],
        ["signed"] = Question("api", A, additional: [0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]),
        ["EDNS of another version"] = Question("api", A, additional: [0, 0, 41, 4, 0xd0, 0, 1, 0, 0, 0, 0]),
        ["EDNS longer than it is"] = Question("api", A, additional: [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 4, 1, 2]),
        ["EDNS shorter than it is"] = Question("api", A, additional: [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 1, 1, 2]),
        ["longer than any"] = Question("api", A, additional: [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 2, 0, .. new byte[512]]),
    };

    [Fact]
    public void OtherPortsAndProtocols_AndFragments_GoOn()
    {
        Frame ask = Ask(false, Question("api", A));
        GoesOn(ask with { DestinationPort = 5353 });
        GoesOn(ask with { Protocol = 6 });
        GoesOn(ask with { Fragment = 0x2000 });
        GoesOn(ask with { LengthError = 0, RawL4 = [0x9c, 0x40, 0, 53, 0, 200, 0, 0, .. Question("api", A)] }); // UDP's own length is wrong
        GoesOn(Ask(true, Question("api", A)) with { Fragment = 0x0000 }); // alone in its fragment header
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Policy_DecidesFirst(bool v6)
    {
        _h.SetPolicy(1, ProgramHarness.Deny(0, PolicyDirection.Egress, Udp, 53, 5), ProgramHarness.AllowAll(PolicyDirection.Egress));
        Assert.Equal(DropReason.PolicyDenyRule, _h.FromContainer(1, Ask(v6, Question("api", A))).Reason);
        _h.SetPolicy(1);
        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, Ask(v6, Question("api", A))).Reason);
        Assert.Equal(0UL, Count(0));
    }

    [Fact]
    public void SourceThatIsNotItsOwn_IsAnsweredNothing() =>
        Assert.Equal(DropReason.InvalidSourceIp, _h.FromContainer(1, Ask(false, Question("api", A)) with { Source = "10.11.0.3" }).Reason);

    [Fact]
    public void WhatAServerSendsBack_IsNoQuestion()
    {
        // It serves DNS itself, and its client's port is DNS's.
        _h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        Frame asked = Ask(false, Question("api", A)) with { Source = "198.51.100.53", Destination = "10.11.0.2", SourcePort = 53, SourceMac = Frame.GatewayMac, DestinationMac = Frame.ContainerMac };
        Assert.Equal(DropReason.None, _h.ToContainer(1, asked, cameBy: 7).Reason);
        GoesOn(asked.Reply() with { SourceMac = Frame.ContainerMac, DestinationMac = Frame.GatewayMac });
    }

    [Fact]
    public void ChecksumThatTheSenderLeftOut_StaysOut()
    {
        byte[] frame = Ask(false, Question("api", A)).ToBytes();
        frame[40] = frame[41] = 0;
        byte[] answer = _h.FromContainer(1, frame).Frame;
        Assert.Equal((0, 0), (answer[40], answer[41]));
        Assert.Null(Checksums.Problem(answer));
    }

    [Fact]
    public void Answers_AreCounted_AndShownToWhoeverLooks()
    {
        List<(Direction Direction, DropReason Reason, bool IsReply, string Source, string Destination, EventType Type)> seen = [];
        using var events = new RingBuffer(_h.Map("weir_events"));
        _h.SetTrace();
        Answered(Ask(false, Question("api", A)));
        Answered(Ask(false, Question("only4", Aaaa)));
        events.Consume(record =>
        {
            Event e = MemoryMarshal.Read<Event>(record);
            seen.Add(((Direction)e.Direction, (DropReason)e.DropReason, e.IsReply != 0, $"{e.Src}:{e.Sport}", $"{e.Dst}:{e.Dport}", (EventType)e.Type));
        });
        Assert.Equal((1UL, 1UL), (Count(0), Count(1)));
        Assert.All(seen, one => Assert.Equal(DropReason.None, one.Reason));
        Assert.Equal(2, seen.Count(one => one is { IsReply: true, Type: EventType.Trace, Source: "198.51.100.53:53", Destination: "10.11.0.2:40000" }));
        Assert.Equal(2, seen.Count(one => one is { IsReply: false, Type: EventType.Trace, Source: "10.11.0.2:40000", Destination: "198.51.100.53:53" }));
    }

    [Fact]
    public void RandomQuestions_AreAnsweredOrGoOn_AndNoAnswerIsMalformed()
    {
        var random = new Random(53);
        (int answered, int passed) = (0, 0);
        string[] names = ["api", "API.app", "only4", "nothing", "web", "elsewhere"];
        for (int i = 0; i < 20_000; i++)
        {
            byte[] question = Question(names[random.Next(names.Length)], random.Next(2) == 0 ? A : Aaaa, additional: random.Next(3) == 0 ? [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 2, 1, 2] : null);
            for (int n = random.Next(4); n > 0; n--)
            {
                question[random.Next(question.Length)] = (byte)random.Next(256);
            }

            question = random.Next(8) switch { 0 => question[..random.Next(question.Length)], 1 => [.. question, .. new byte[random.Next(40)]], _ => question };
            Frame ask = Ask(random.Next(2) == 0, question);
            byte[] sent = ask.Seal();
            Outcome outcome = _h.FromContainer(1, sent);
            Assert.Equal(DropReason.None, outcome.Reason);
            if (outcome.Action == ProgramHarness.Pass)
            {
                Assert.Equal(sent, outcome.Frame);
                passed++;
                continue;
            }

            Assert.Equal(ProgramHarness.Redirect, outcome.Action);
            Assert.Null(Checksums.Problem(outcome.Frame));
            Answer answer = Answer.Read(outcome.Frame);
            Assert.Equal(answer.Asked, question[12..(12 + answer.Asked.Length)]);
            Assert.Equal((1, 0, 0), (answer.Questions, answer.Authorities, answer.Additional));
            answered++;
        }

        Assert.True(answered > 1000 && passed > 1000, $"{answered} were answered, {passed} went on");
    }

    private void SetName(uint network, string name, params string[] addresses)
    {
        Assert.True(DnsName.TryParse(name, out DnsName parsed));
        new NameTable(new(_h.Map("weir_name"))).Put([new NameRow(new NetworkName(network, parsed), [.. addresses.Select(IPAddress.Parse)])]);
    }

    private ulong Count(uint slot) => new PerCpuMap<ulong>(_h.Map("weir_name_count")).Get(slot).Aggregate(0UL, (sum, n) => sum + n);

    private void GoesOn(Frame frame)
    {
        Outcome outcome = _h.FromContainer(1, frame);
        Assert.Equal((ProgramHarness.Pass, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(frame.ToBytes(), outcome.Frame);
    }

    private (Answer Answer, byte[] Frame) Answered(Frame frame)
    {
        Outcome outcome = _h.FromContainer(1, frame.Seal());
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        return (Answer.Read(outcome.Frame), outcome.Frame);
    }

    private static Frame Ask(bool v6, byte[] question) => new()
    {
        Source = v6 ? "fd00:11::2" : "10.11.0.2",
        Destination = v6 ? "2001:db8::53" : "198.51.100.53",
        Protocol = Udp,
        DestinationPort = 53,
        Payload = question,
    };

    private static byte[] With(byte[] question, int at, byte value)
    {
        question[at] = value;
        return question;
    }

    private static byte[] Question(string name, ushort type, ushort dnsClass = 1, ushort flags = 0x0100, byte[]? additional = null) =>
    [
        0x12, 0x34, (byte)(flags >> 8), (byte)flags, 0, 1, 0, 0, 0, 0, 0, additional is null ? (byte)0 : (byte)1,
        .. name.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0,
        (byte)(type >> 8), (byte)type, (byte)(dnsClass >> 8), (byte)dnsClass, .. additional ?? [],
    ];

    /// <summary>What a resolver reads of the answer, strictly.</summary>
    private sealed record Answer(int Id, int Flags, int Questions, int Authorities, int Additional, byte[] Asked, IReadOnlyList<IPAddress> Addresses, uint Ttl)
    {
        internal static Answer Read(byte[] frame)
        {
            byte[] message = frame[((frame[12] == 0x86 ? 54 : 34) + 8)..];
            int Word(int at) => BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at));
            int end = 12;
            while (message[end] != 0)
            {
                end += message[end] + 1;
            }

            end += 5;
            List<IPAddress> addresses = [];
            uint ttl = 0;
            int at = end;
            for (int n = Word(6); n > 0; n--)
            {
                Assert.Equal((0xc00c, Word(end - 4), Word(end - 2)), (Word(at), Word(at + 2), Word(at + 4)));
                ttl = BinaryPrimitives.ReadUInt32BigEndian(message.AsSpan(at + 6));
                addresses.Add(new IPAddress(message.AsSpan(at + 12, Word(at + 10))));
                at += 12 + Word(at + 10);
            }

            Assert.Equal(message.Length, at);
            return new Answer(Word(0), Word(2), Word(4), Word(8), Word(10), message[12..end], addresses, ttl);
        }
    }
}
