// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Xunit;
using static Weir.Proxy.Tests.Http2.Frames;

namespace Weir.Proxy.Tests.Http2;

/// <summary>Trailers of requests: some servers merge them with the headers, which rules have judged before.</summary>
public sealed class TrailerTests
{
    [Theory]
    [InlineData("x-role", false)]
    [InlineData("x-checksum", true)]
    public void HeaderThatARuleLooksAt_DoesNotComeInATrailer(string name, bool passes)
    {
        var rule = new HttpRule(null, null, null, [new HeaderRule("X-Role", "admin", HeaderMismatch.Delete)]);
        var rig = new Http2Rig(rule).Greet().Send(Headers(1, Post, EndHeaders) + Data(1, "test", 0) + Headers(1, Block((name, "other"))));
        Assert.Equal(passes, rig.AtServer.Contains("HEADERS 1 END"));
        Assert.Equal(!passes, rig.AtClient.Contains("RST_STREAM 1 ProtocolError"));
    }
}
