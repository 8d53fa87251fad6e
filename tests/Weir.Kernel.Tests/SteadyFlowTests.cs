// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>Packets that an endpoint's own program lets through by itself (lib/steady.h), and all others, which go on in one that all
/// endpoints share: with the same end.</summary>
public sealed class SteadyFlowTests : IDisposable
{
    private const byte Ack = 0x10;
    private const string World = "203.0.113.10";
    private const string Host = "10.11.0.1";

    private readonly ProgramHarness _h = new();

    public void Dispose() => _h.Dispose();

    [Fact]
    public void OnlyASteadyFlowsPackets_DoWithoutTheSharedPrograms()
    {
        Frame more = Establish();
        _h.RemoveCalls();

        Assert.Equal(DropReason.None, _h.FromContainer(1, more).Reason);
        Assert.Equal(DropReason.None, _h.FromContainer(2, more.Reply(Ack) with { Sequence = 1001 }).Reason);
        Assert.Equal(DropReason.MissedTailCall, _h.FromContainer(1, more with { TcpFlags = 0x11 }).Reason);
        Assert.Equal(DropReason.MissedTailCall, _h.FromContainer(1, more with { TcpFlags = 2, SourcePort = 41000 }).Reason);
        Assert.Equal(DropReason.MissedTailCall, _h.ToContainer(1, ToContainer(more with { TcpFlags = 2 })).Reason);
        _h.SetTrace();
        Assert.Equal(DropReason.MissedTailCall, _h.FromContainer(1, more).Reason);
    }

    [Fact]
    public void NewPolicy_JudgesASteadyFlowAnew()
    {
        Frame more = Establish();
        Assert.Equal(DropReason.None, _h.FromContainer(1, more).Reason);

        _h.SetPolicy(2, ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, 443, 7));

        Assert.Equal(DropReason.PolicyDenied, _h.FromContainer(1, more).Reason);
    }

    /// <summary>Random ends that talk, go on, go wrong and lie, past two sets of programs: one has all packets go on in the shared ones, as
    /// somebody looks at each.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void RandomTalk_EndsTheSame_WhereverItIsJudged(int seed)
    {
        using var general = new ProgramHarness();
        Prepare(_h);
        Prepare(general);
        general.SetTrace();
        var random = new Random(seed);
        Talk[] talks = [.. Enumerable.Range(0, 24).Select(i => new Talk(random, i))];
        int steady = 0;
        for (int i = 0; i < 3000; i++)
        {
            Talk talk = talks[random.Next(talks.Length)];
            (int at, Frame frame, uint cameBy) = talk.Next();
            Outcome own = Run(_h), shared = Run(general);
            Assert.True(own.Action == shared.Action && own.Reason == shared.Reason && own.Frame.AsSpan().SequenceEqual(shared.Frame), $"{i}: {frame}: {own.Reason} {own.Action}, {shared.Reason} {shared.Action}");
            if (i % 8 == 0)
            {
                Assert.Equal(Flows(general), Flows(_h));
            }

            steady += own.Reason == DropReason.None && talk.IsUnderWay ? 1 : 0;
            if (random.Next(400) == 0)
            {
                bool closed = random.Next(2) == 0;
                SetPolicy(_h, closed);
                SetPolicy(general, closed);
            }

            Outcome Run(ProgramHarness h) => at > 0 ? h.FromContainer((uint)at, frame) : h.ToContainer((uint)-at, frame, cameBy: cameBy);
        }

        Assert.InRange(steady, 500, 3000);
    }

    /// <summary>A connection between both containers, and a packet of its opener's.</summary>
    private Frame Establish()
    {
        Prepare(_h);
        var open = new Frame { Source = "10.11.0.2", Destination = "10.11.0.3" };
        _h.FromContainer(1, open);
        _h.FromContainer(2, open.Reply() with { Sequence = 1000 });
        Frame more = open with { TcpFlags = Ack, Sequence = 1001 };
        _h.FromContainer(1, more);
        return more;
    }

    private static Frame ToContainer(Frame frame) => frame with { Source = Host, Destination = frame.Source, SourceMac = Frame.GatewayMac, DestinationMac = Frame.ContainerMac };

    private static void Prepare(ProgramHarness h)
    {
        h.AddEndpoint(1, 256, "10.11.0.2", "fd00:11::2");
        h.AddEndpoint(2, 257, "10.11.0.3", "fd00:11::3");
        h.SetIpcache(Host + "/32", 1);
        h.SetIpcache("fd00:11::1/128", 1);
        h.SetProxyPort(40000);
        h.PutHttp(9, HttpConversation.Rules(("GET", "/ok(/.*)?")));
        h.JudgeHttp();
        SetPolicy(h, closed: false);
    }

    private static void SetPolicy(ProgramHarness h, bool closed)
    {
        for (uint id = 1; id <= 2; id++)
        {
            h.SetPolicy(id, [ProgramHarness.AllowAll(PolicyDirection.Egress), .. closed ? [] : (PolicyMapEntry[])[ProgramHarness.AllowAll(PolicyDirection.Ingress), ProgramHarness.Allow(0, PolicyDirection.Ingress, 6, 81, rule: 7) with { HttpPolicyId = 9 }]]);
        }
    }

    /// <summary>All that conntrack says of each, but when.</summary>
    private static IReadOnlyList<string> Flows(ProgramHarness h) =>
    [
        .. h.Flows().Select(f => string.Join(' ', f.Revision, f.SrcIdentity, f.DstIdentity, f.SrcEndpoint, f.DstEndpoint, f.Packets, f.Flags, f.Bytes, f.HttpEgress, f.HttpIngress, f.FrontendId, f.Ifindex,
            f.Opener.Una, f.Opener.Nxt, f.Answerer.Una, f.Answerer.Nxt, f.ClientPort, f.Node, f.HttpWhy, (f.ExpiresNs - f.CreatedNs) / 20_000_000_000)).Order(StringComparer.Ordinal),
    ];

    /// <summary>Two ends of a connection, of which one is the first container.</summary>
    private sealed class Talk(Random random, int number)
    {
        private readonly bool _v6 = number % 4 == 3;
        private readonly bool _udp = number % 3 == 2;
        private readonly int _peer = number % 2 == 0 ? 0 : 1; // another container, or somebody elsewhere
        private readonly bool _http = number % 6 == 4;
        private readonly bool _opened = number % 6 == 4 || (number % 5 != 0 && random.Next(3) > 0); // by the first container
        private uint _ours = 1000;
        private uint _theirs = 5000;
        private int _step;

        internal bool IsUnderWay => _step > 3;

        /// <returns>The endpoint whose program sees it, negative for one that it is sent to; and the device by which it came to the host.</returns>
        internal (int At, Frame Frame, uint CameBy) Next()
        {
            bool fromUs = _step switch { 0 => _opened, 1 => !_opened, 2 => _opened, _ => random.Next(2) == 0 };
            byte flags = _step switch { 0 => 2, 1 => 0x12, _ => random.Next(40) switch { 0 => 0x11, 1 => 4, 2 => 0x14, 3 => 2, 4 => 0, _ => random.Next(2) == 0 ? Ack : (byte)0x18 } };
            uint sequence = fromUs ? _ours : _theirs, acknowledgement = fromUs ? _theirs : _ours;
            if (_step > 2 && random.Next(12) == 0)
            {
                sequence += (uint)random.Next(-40, 40) << random.Next(28);
            }

            if (_step > 2 && random.Next(12) == 0)
            {
                acknowledgement += (uint)random.Next(-40, 40) << random.Next(28);
            }

            string us = _v6 ? "fd00:11::2" : "10.11.0.2";
            string them = _peer == 0 ? _v6 ? "fd00:11::3" : "10.11.0.3" : number % 5 == 0 ? _v6 ? "fd00:11::1" : Host : _v6 ? "2001:db8::10" : World;
            byte[] payload = new byte[flags == 2 ? 0 : random.Next(3) == 0 ? 0 : random.Next(1, 200)];
            if (_http && fromUs && payload.Length > 0)
            {
                payload = HttpConversation.Get("/ok/a");
            }

            ushort own = (ushort)(40000 + number), port = _http ? (ushort)81 : number % 7 == 0 ? (ushort)53 : (ushort)80;
            var frame = new Frame
            {
                Source = fromUs ? us : them,
                Destination = fromUs ? them : us,
                SourcePort = fromUs == _opened ? own : port,
                DestinationPort = fromUs == _opened ? port : own,
                Protocol = _udp ? (byte)17 : (byte)6,
                TcpFlags = flags,
                Sequence = sequence,
                Acknowledgement = acknowledgement,
                Payload = payload,
                Fragment = !_v6 && random.Next(60) == 0 ? (ushort)0x2000 : null,
            };
            uint next = sequence + (uint)payload.Length + ((flags & 3) == 0 ? 0u : 1u);
            if (fromUs)
            {
                _ours = _step > 2 ? Math.Max(_ours, Math.Min(next, _ours + 4096)) : next;
            }
            else
            {
                _theirs = _step > 2 ? Math.Max(_theirs, Math.Min(next, _theirs + 4096)) : next;
            }

            int step = _step;
            _step = (flags & 7) != 0 && _step > 2 && random.Next(2) == 0 ? 0 : _step + 1;
            return (fromUs ? 1 : _peer == 0 ? 2 : -1, frame, number % 5 == 0 && (step < 3 || random.Next(4) > 0) ? 0u : 7u);
        }
    }
}
