// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using Weir.Api;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;
using Xunit;

namespace Weir.Proxy.Tests;

/// <summary>Requests that the datapath tells of look like the proxy's own.</summary>
public sealed class SeenAccessTests
{
    private const string Get = "GET /ok?a=b HTTP/1.1\r\nHost: api\r\n\r\n";

    private readonly Reporter _reporter = new() { WantsAllowed = true };
    private readonly SeenAccess _access;

    public SeenAccessTests() => _access = new SeenAccess(_reporter);

    /// <summary>But for the times, and for how much was answered.</summary>
    [Theory]
    [InlineData(Get, "")]
    [InlineData("POST /in HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "hello")]
    [InlineData("PURGE /x'<>?q=\xe9\\ HTTP/1.1\r\nHost: EXAMPLE.org:80\r\nX: y\r\n\r\n", "")]
    public void Record_IsTheProxys(string head, string body)
    {
        ProxyAccess own = Assert.Single(new Rig(HttpRule.Any).ClientSays(head + body).ServerSays("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").Told);
        Request(1, head, body.Length, rule: 1);
        Answer(1, 201);
        ProxyAccess seen = Assert.Single(Told());
        Assert.Equal(1500ul, seen.LatencyUs);
        Assert.InRange(seen.TimeUs, own.TimeUs - 60_000_000, own.TimeUs + 60_000_000);
        (seen.TimeUs, seen.LatencyUs, seen.ResponseBytes) = (own.TimeUs, own.LatencyUs, own.ResponseBytes);
        (seen.SourceIdentity, seen.DestinationIdentity, seen.SourceEndpoint, seen.DestinationEndpoint) = (own.SourceIdentity, own.DestinationIdentity, own.SourceEndpoint, own.DestinationEndpoint);
        Assert.Equal(own, seen);
    }

    [Fact]
    public void Ends_AreWhoAsksAndWhoIsAsked()
    {
        Request(1, Get);
        Answer(1, 200);
        Request(1, Get, flags: SeenFlag.FromB);
        Answer(1, 200);
        ProxyAccess[] told = [.. Told()];
        Assert.Equal((IPAddress.Parse("10.0.0.1"), 40000u, 80u), (new IPAddress(told[0].Source.Span), told[0].SourcePort, told[0].DestinationPort));
        Assert.Equal((IPAddress.Parse("10.0.0.2"), 80u, 40000u), (new IPAddress(told[1].Source.Span), told[1].SourcePort, told[1].DestinationPort));
        Assert.Equal((256u, 257u, 1u, 2u), (told[0].SourceIdentity, told[0].DestinationIdentity, told[0].SourceEndpoint, told[0].DestinationEndpoint));
    }

    /// <summary>Its answer's event was lost, or is another connection's of the same ports.</summary>
    [Fact]
    public void RequestWhoseAnswerIsNotTold_IsToldWithTheNext()
    {
        Request(1, Get);
        Request(2, Get);
        Answer(1, 500);
        Answer(2, 200);
        Answer(2, 200);
        Assert.Equal([0u, 200u], Told().Select(access => access.Status));
    }

    [Fact]
    public void ConnectionThatEnds_IsToldAsOfTheProxys()
    {
        Request(1, Get);
        _access.OnSeen(Seen(1, SeenKind.End), []);
        ProxyAccess access = Assert.Single(Told());
        Assert.Equal((0u, "closed before the answer's end", AccessVerdict.Allowed), (access.Status, access.Detail, access.Verdict));
    }

    [Fact]
    public void NobodyLooks_NothingIsTold()
    {
        _reporter.WantsAllowed = false;
        Request(1, Get);
        Answer(1, 200);
        _reporter.WantsAllowed = true;
        Request(2, Get);
        _reporter.WantsAllowed = false;
        Answer(2, 200);
        Assert.Empty(Told());
    }

    [Theory]
    [InlineData("")]
    [InlineData("GET /ok HTTP/1.1\r\nHost: a\r\n")]
    [InlineData("\0\0\0\0")]
    [InlineData("GET /ok HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    public void WhatCannotBeRead_IsLost_AndCounted(string head)
    {
        Request(1, head);
        Answer(1, 200);
        Request(2, Get);
        Answer(2, 200);
        Assert.Equal(1ul, Assert.Single(Told()).Lost);
    }

    /// <summary>Whoever opens connections and never hears anything decides nothing about memory.</summary>
    [Fact]
    public void TooManyThatWait_AreToldAsTheyAre()
    {
        const int Most = 16 * 1024;
        int told = 0;
        for (int i = 0; i < Most + 2; i++)
        {
            HttpSeen seen = Seen(1, SeenKind.Request);
            seen.Flow.AddrA = IpAddr.From(new IPAddress([10, 1, (byte)(i >> 8), (byte)i]));
            _access.OnSeen(in seen, Encoding.Latin1.GetBytes(Get));
            told += i % 1024 == 0 ? Told().Count() : 0;
        }

        // The agent reads 8 192 of them at most, and hears of the rest.
        ProxyAccess[] last = [.. Told()];
        Assert.Equal(8192, told + last.Length);
        Answer(1, 200);
        Assert.Empty(Told());
    }

    private void Request(uint number, string head, int body = 0, uint rule = 0, SeenFlag flags = 0)
    {
        HttpSeen seen = Seen(number, SeenKind.Request);
        (seen.Body, seen.RuleId, seen.Flags, seen.Length) = ((ulong)body, rule, flags | SeenFlag.Ingress, (ushort)head.Length);
        _access.OnSeen(in seen, Encoding.Latin1.GetBytes(head));
    }

    private void Answer(uint number, ushort status)
    {
        HttpSeen seen = Seen(number, SeenKind.Answer);
        (seen.Status, seen.LatencyUs) = (status, 1500);
        _access.OnSeen(in seen, []);
    }

    private static HttpSeen Seen(uint number, SeenKind kind) => new()
    {
        Flow = new CtKey { AddrA = IpAddr.From(IPAddress.Parse("10.0.0.1")), AddrB = IpAddr.From(IPAddress.Parse("10.0.0.2")), PortA = 40000, PortB = 80, Protocol = 6 },
        Request = number,
        Kind = kind,
        SrcIdentity = 256,
        DstIdentity = 257,
        SrcEndpoint = 1,
        DstEndpoint = 2,
    };

    private IEnumerable<ProxyAccess> Told()
    {
        while (_reporter.Messages.TryRead(out FromProxy? message))
        {
            yield return message.Access;
        }
    }
}
