// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Api;
using Weir.Http.Rules;
using Weir.Proxy.Tests.Memory;
using Xunit;
using static Weir.Proxy.Tests.Http2.Frames;

namespace Weir.Proxy.Tests;

/// <summary>HTTP policies in audit: everything passes as it is sent, and what they do not allow is told.</summary>
public sealed class AuditTests
{
    private const string Refused = "PUT /private HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    private const string Allowed = "GET /public HTTP/1.1\r\nHost: a\r\n\r\n";
    private static readonly HttpRule _public = new("GET", "/public", null, []);

    [Fact]
    public void Requests_PassByteForByte_AndTheRefusedAreTold()
    {
        Rig rig = new(isAudit: true, _public);
        rig.ClientSays(Refused + Allowed + Refused).ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Assert.Equal(Refused + Allowed + Refused, rig.Server.Received);
        Assert.Equal("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", rig.Client.Received);
        Assert.Equal(
            [(AccessVerdict.Audited, "PUT", "/private"), (AccessVerdict.Allowed, "GET", "/public"), (AccessVerdict.Audited, "PUT", "/private")],
            rig.Told.Select(access => (access.Verdict, access.Method, access.Path)));
        Assert.All(rig.Told, access => Assert.Equal((0u, 0ul), (access.Status, access.LatencyUs)));
        Assert.NotEqual(0u, rig.Told[0].Policy);
    }

    [Fact]
    public void WhereNobodyLooks_OnlyWhatWouldBeRefusedIsTold()
    {
        Rig rig = new(isAudit: true, _public) { IsLookedAt = false };
        rig.ClientSays(Allowed + Refused);
        Assert.Equal(["/private"], rig.Told.Select(access => access.Path));
    }

    [Fact]
    public void Requests_InPieces_AreReadAllTheSame()
    {
        Rig rig = new(isAudit: true, _public);
        foreach (char piece in Refused + Allowed)
        {
            rig.ClientSays($"{piece}");
        }

        Assert.Equal(Refused + Allowed, rig.Server.Received);
        Assert.Equal(["/private", "/public"], rig.Told.Select(access => access.Path));
    }

    [Theory]
    [InlineData("\u0016\u0003\u0001 a handshake of TLS")]
    [InlineData("SSH-2.0-OpenSSH_9.6\r\n")]
    [InlineData("GET / HTTP/1.1\nHost: a\n\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /public HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0001\u0001\u0004\u0000\u0000\u0000\u0001\u00ff")]
    public void WhatCannotBeJudged_PassesAndIsTold(string bytes)
    {
        Rig rig = new(isAudit: true, _public);
        rig.ClientSays(bytes).ClientSays("more").ServerSays("whatever");
        Assert.Equal(bytes + "more", rig.Server.Received);
        Assert.Equal("whatever", rig.Client.Received);
        Assert.Equal(AccessVerdict.Audited, rig.Told[^1].Verdict);
        Assert.NotEmpty(rig.Told[^1].Detail);
        Assert.Single(rig.Told, access => access.Verdict == AccessVerdict.Audited);
    }

    [Fact]
    public void Server_MaySpeakFirst()
    {
        Rig rig = new(isAudit: true, _public);
        rig.Run().ServerSays("220 mail.example ESMTP\r\n");
        Assert.Equal("220 mail.example ESMTP\r\n", rig.Client.Received);
        rig.ClientSays("EHLO a\r\n");
        Assert.Equal("EHLO a\r\n", rig.Server.Received);
        rig.Client.Leaves();
        rig.Run();
        Assert.Equal(AccessVerdict.Audited, Assert.Single(rig.Told).Verdict);
    }

    [Fact]
    public void WebSocket_IsJudgedByItsHandshake()
    {
        const string Handshake = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        Rig rig = new(isAudit: true, _public);
        rig.ClientSays(Handshake).ServerSays("HTTP/1.1 101 Switching Protocols\r\n\r\n").ClientSays("\u0081\u0085\u0001\u0002");
        Assert.EndsWith("\u0081\u0085\u0001\u0002", rig.Server.Received, StringComparison.Ordinal);
        Assert.Equal("/chat", Assert.Single(rig.Told).Path);
    }

    [Fact]
    public void Headers_AreNotMended()
    {
        Rig rig = new(isAudit: true, new HttpRule(null, null, null, [new HeaderRule("X-A", "b", HeaderMismatch.Add)]));
        rig.ClientSays(Allowed);
        Assert.Equal(Allowed, rig.Server.Received);
        Assert.Equal(AccessVerdict.Allowed, Assert.Single(rig.Told).Verdict);
    }

    [Fact]
    public void Http2_IsReadAlong()
    {
        const string Private = "\u0083\u0086\u0004\u0008/private\u0001\u0001a";
        const string Public = "\u0082\u0086\u0004\u0007/public\u0001\u0001a";
        Rig rig = new(isAudit: true, _public);
        string bytes = Preface + Settings() + Headers(1, Private) + Headers(3, Public);
        foreach (char[] piece in bytes.Chunk(7))
        {
            rig.ClientSays(new string(piece));
        }

        Assert.Equal(bytes, rig.Server.Received);
        Assert.Equal([(AccessVerdict.Audited, "/private", "HTTP/2"), (AccessVerdict.Allowed, "/public", "HTTP/2")], rig.Told.Select(access => (access.Verdict, access.Path, access.Protocol)));
    }

    [Fact]
    public void OnceItIsEnforced_TheConnectionMustBeOpenedAnew()
    {
        Rig rig = new(isAudit: true, _public);
        rig.ClientSays(Allowed);
        rig.Audit(_public, new HttpRule(null, "/other", null, []));
        rig.PolicyChanged().ClientSays(Refused);
        Assert.False(rig.Client.IsClosed);
        rig.Allow(_public);
        rig.PolicyChanged();
        Assert.True(rig.Client.WasReset);
    }

    [Fact]
    public void OnceItIsInAudit_AConnectionsRequestsAreNotRefused()
    {
        Rig rig = new(_public);
        rig.ClientSays(Allowed).ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        rig.Audit(_public);
        rig.PolicyChanged().ClientSays(Refused).ServerSays("HTTP/1.1 204 No Content\r\n\r\n");
        Assert.Equal(Allowed + Refused, rig.Server.Received);
        Assert.Equal([(AccessVerdict.Allowed, 200u), (AccessVerdict.Audited, 204u)], rig.Told.Select(access => (access.Verdict, access.Status)));
    }

    [Fact]
    public void EnforcedEnd_RefusesWhatTheOtherAudits()
    {
        // Egress is in audit and allows /public alone, ingress is enforced and allows all but /private.
        Rig rig = new(new HttpRule(null, "/(public|other|a%2fb|.*/b)", null, []));
        rig.AuditEgress(_public);
        rig.ClientSays("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").ServerSays("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        rig.ClientSays(Refused);
        Assert.Equal([(AccessVerdict.Audited, 200u, false), (AccessVerdict.Refused, 403u, true)], rig.Told.Select(access => (access.Verdict, access.Status, access.Ingress)));
    }

    [Fact]
    public void RandomBytes_PassAsTheyAre()
    {
        var random = new Random(48);
        for (int round = 0; round < 300; round++)
        {
            Rig rig = new(isAudit: true, _public);
            byte[] bytes = new byte[random.Next(1, 400)];
            random.NextBytes(bytes);
            string text = random.Next(3) switch
            {
                0 => Encoding.Latin1.GetString(bytes),
                1 => Allowed + Encoding.Latin1.GetString(bytes),
                _ => Preface + Settings() + Encoding.Latin1.GetString(bytes),
            };
            for (int at = 0; at < text.Length;)
            {
                int length = Math.Min(text.Length - at, random.Next(1, 200));
                rig.ClientSays(text.Substring(at, length));
                at += length;
            }

            Assert.Equal(text, rig.Server.Received);
            Assert.False(rig.Client.IsClosed);
        }
    }
}
