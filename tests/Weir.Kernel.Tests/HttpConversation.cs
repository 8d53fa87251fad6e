// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using Weir.Bpf;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Kernel.Tests;

/// <summary>A container, another whose port 80 has HTTP rules, and the packets of one connection between them, through the real programs. Places are
/// counted from each end's first byte.</summary>
internal sealed class HttpConversation : IDisposable
{
    internal const byte Fin = 1, Syn = 2, Rst = 4, Push = 8, Ack = 16, Urg = 32;
    internal const uint ClientStart = 5001, ServerStart = 9_000_001;
    internal const uint Number = 77, OtherNumber = 78;
    internal const ushort Mss = 1460;

    private const string Client = "10.11.0.2", Server = "10.11.0.3", Client6 = "fd00:11::2", Server6 = "fd00:11::3";

    /// <summary>MSS, SACK permitted, time stamps, window scale 7.</summary>
    private static readonly byte[] _options = [2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 3, 7];

    private readonly bool _v6;

    internal HttpConversation(bool v6 = false, ushort proxyPort = 40000)
    {
        _v6 = v6;
        Programs.AddEndpoint(1, 256, Client, Client6);
        Programs.AddEndpoint(2, 257, Server, Server6);
        Programs.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.AllowAll(PolicyDirection.Ingress));
        AskFor(Number);
        Programs.SetProxyPort(proxyPort);
        Programs.JudgeHttp();
        Programs.PutHttp(Number, Rules(("GET", "/ok(/.*)?"), ("POST", "/in(/.*)?")));
        Programs.PutHttp(OtherNumber, Rules(("GET", "/other")));
    }

    internal ProgramHarness Programs { get; } = new();

    internal CtKey Key => CtKeys.Of(
        new IPEndPoint(IPAddress.Parse(_v6 ? Client6 : Client), 40000), new IPEndPoint(IPAddress.Parse(_v6 ? Server6 : Server), 80), IpProtocol.Tcp, out _);

    internal CtFlag Flags => Programs.OnlyFlow().Flags;

    /// <summary>Why the proxy judges its requests, if it does.</summary>
    internal HttpWhy Why => Programs.OnlyFlow().HttpWhy;

    /// <summary>What is known of its requests; null: nothing.</summary>
    internal HttpFlow? State => new BpfMap<CtKey, HttpFlow>(Programs.Map(MapNames.HttpFlow)).TryGet(Key, out HttpFlow flow) ? flow : null;

    internal static HttpRuleSet Rules(params (string Method, string Path)[] rules) =>
        new([.. rules.Select((rule, i) => new HttpAllowance((uint)i + 1, new HttpRule(rule.Method, rule.Path, null, [])))]);

    internal static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    internal static byte[] Get(string path, string headers = "") => Bytes($"GET {path} HTTP/1.1\r\nHost: api\r\n{headers}\r\n");

    internal static byte[] Post(string path, int length, string headers = "") => Bytes($"POST {path} HTTP/1.1\r\nHost: api\r\nContent-Length: {length}\r\n{headers}\r\n");

    public void Dispose() => Programs.Dispose();

    /// <summary>Has the server's policy ask for this HTTP policy at its port; 0: for none.</summary>
    internal void AskFor(uint policy) => Programs.SetPolicy(
        2, ProgramHarness.AllowAll(PolicyDirection.Egress), ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, 80, rule: 7) with { HttpPolicyId = policy });

    internal Frame FromClient(long at, byte[] data, byte flags = Ack | Push, long ack = 0) => new()
    {
        Source = _v6 ? Client6 : Client,
        Destination = _v6 ? Server6 : Server,
        TcpFlags = flags,
        Sequence = (uint)(ClientStart + at),
        Acknowledgement = (uint)(ServerStart + ack),
        Payload = data,
    };

    internal Frame FromServer(long at, byte[] data, byte flags = Ack | Push, long ack = 0) => FromClient(0, data) with
    {
        Source = _v6 ? Server6 : Server,
        Destination = _v6 ? Client6 : Client,
        SourcePort = 80,
        DestinationPort = 40000,
        TcpFlags = flags,
        Sequence = (uint)(ServerStart + at),
        Acknowledgement = (uint)(ClientStart + ack),
    };

    internal Outcome Send(long at, byte[] data, byte flags = Ack | Push, long ack = 0) => Programs.FromContainer(1, FromClient(at, data, flags, ack));

    internal Outcome Answer(long at, byte[] data, byte flags = Ack | Push, long ack = 0) => Programs.FromContainer(2, FromServer(at, data, flags, ack));

    internal Frame SynFrame(byte[]? options = null) => FromClient(-1, [], Syn) with { TcpOptions = options ?? _options };

    internal Frame SynAckFrame(byte[]? options = null) => FromServer(-1, [], Syn | Ack) with { TcpOptions = options ?? _options };

    /// <summary>As if there had been no connection.</summary>
    internal void Forget()
    {
        CtKey key = Key;
        new BpfMap<CtKey, HttpFlow>(Programs.Map(MapNames.HttpFlow)).Remove(in key);
    }

    /// <summary>The handshake.</summary>
    internal HttpConversation Open(byte[]? options = null, byte[]? answered = null)
    {
        Passes(Programs.FromContainer(1, SynFrame(options)));
        Passes(Programs.FromContainer(2, SynAckFrame(answered)));
        Passes(Send(0, [], Ack));
        return this;
    }

    /// <summary>A request that passes, acknowledged with an answer of ten bytes, and its acknowledgement.</summary>
    /// <returns>Where the next begins.</returns>
    internal long Exchange(long at, byte[] request, ref long answered)
    {
        Passes(Send(at, request, ack: answered));
        Passes(Answer(answered, new byte[10], ack: at + request.Length));
        answered += 10;
        Passes(Send(at + request.Length, [], Ack, answered));
        return at + request.Length;
    }

    /// <summary>It goes into the other container.</summary>
    internal static void Passes(Outcome outcome)
    {
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(Frame.GatewayMac, outcome.Frame[..6]); // as the harness has it
    }

    /// <summary>By loopback, whose address is all zeros.</summary>
    internal static void GoesToTheProxy(Outcome outcome)
    {
        Assert.Equal((ProgramHarness.Redirect, DropReason.None), (outcome.Action, outcome.Reason));
        Assert.Equal(new byte[6], outcome.Frame[..6]);
    }

    internal static void IsDropped(DropReason reason, Outcome outcome) => Assert.Equal((ProgramHarness.Drop, reason), (outcome.Action, outcome.Reason));

    /// <summary>The proxy is told to take over, by what the packet brought.</summary>
    internal (TakeOver Connection, byte[] Bytes) IsHandedOver(Outcome outcome)
    {
        IsDropped(DropReason.None, outcome);
        return Assert.Single(Programs.ReadTakeOvers());
    }
}
