// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Publishing;
using Weir.Net;
using Xunit;

namespace Weir.Control.Tests;

public sealed class PublishTextTests
{
    [Theory]
    [InlineData("world", "*/*: 0.0.0.0/0 ::/0")]
    [InlineData("8080:world", "8080/*: 0.0.0.0/0 ::/0")]
    [InlineData("8080:10.0.0.0/8,8443:world", "8080/*: 10.0.0.0/8; 8443/*: 0.0.0.0/0 ::/0")]
    [InlineData("53/udp:192.0.2.7", "53/Udp: 192.0.2.7/32")]
    [InlineData("8080/tcp:10.1.2.3/8", "8080/Tcp: 10.0.0.0/8")]
    [InlineData("8080:[2001:db8::]/32, [2001:db8::1], 443:[2001:db8::/48]", "8080/*: 2001:db8::/32; */*: 2001:db8::1/128; 443/*: 2001:db8::/48")]
    [InlineData("[::]/0", "*/*: ::/0")]
    public void Label_IsRead(string text, string expected)
    {
        Assert.True(PublishText.TryParseLabel(text, out IReadOnlyList<PublishGrant> grants, out string error), error);
        Assert.Equal(expected, string.Join("; ", grants.Select(grant =>
            $"{grant.Port?.ToString() ?? "*"}/{grant.Protocol?.ToString() ?? "*"}: {string.Join(' ', grant.From)}")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("World")]
    [InlineData("true")]
    [InlineData("8080")]
    [InlineData("8080:")]
    [InlineData(":world")]
    [InlineData("0:world")]
    [InlineData("65536:world")]
    [InlineData("8080/sctp:world")]
    [InlineData("8080:2001:db8::/32")]
    [InlineData("2001:db8::/32")]
    [InlineData("8080:10.0.0.0/33")]
    [InlineData("8080:10.0.0")]
    [InlineData("8080:[::ffff:10.0.0.0]/104")]
    [InlineData("8080:[10.0.0.0/8]/8")]
    [InlineData("8080:world,")]
    [InlineData("8080:world 8443:world")]
    [InlineData("8080:world\n")]
    public void WrongLabel_OpensNothing_AndSaysWhatIsWrong(string text)
    {
        Assert.False(PublishText.TryParseLabel(text, out IReadOnlyList<PublishGrant> grants, out string error));
        Assert.Empty(grants);
        Assert.NotEmpty(error);
    }

    [Fact]
    public void OneWrongEntry_SpoilsTheWholeLabel() =>
        Assert.False(PublishText.TryParseLabel("8080:world,8443:nobody", out _, out _));

    [Fact]
    public void EndlessLabel_IsRefused()
    {
        Assert.False(PublishText.TryParseLabel(string.Join(',', Enumerable.Repeat("world", 65)), out _, out _));
        Assert.False(PublishText.TryParseLabel("world," + new string('1', WorkloadLabel.Longest), out _, out _));
    }

    [Theory]
    [InlineData("world", "0.0.0.0/0 ::/0")]
    [InlineData("198.51.100.7", "198.51.100.7/32")]
    [InlineData("2001:db8::/32", "2001:db8::/32")]
    [InlineData("[2001:db8::]/32", "2001:db8::/32")]
    public void Source_IsRead(string text, string expected)
    {
        Assert.True(PublishText.TryParseSource(text, out IReadOnlyList<IpPrefix> source, out _));
        Assert.Equal(expected, string.Join(' ', source));
    }

    [Theory]
    [InlineData("")]
    [InlineData("everybody")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("[2001:db8::")]
    [InlineData("::ffff:192.0.2.1")]
    public void WrongSource_IsNamed(string text)
    {
        Assert.False(PublishText.TryParseSource(text, out _, out string error));
        Assert.Contains($"\"{text}\"", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8080, IpProtocol.Tcp, true)]
    [InlineData(8080, IpProtocol.Udp, false)]
    [InlineData(8081, IpProtocol.Tcp, false)]
    public void Grant_OpensItsPortAlone(ushort port, IpProtocol protocol, bool opens)
    {
        Assert.True(PublishText.TryParseLabel("8080/tcp:world", out IReadOnlyList<PublishGrant> grants, out _));
        Assert.Equal(opens, grants.Single().Opens(port, protocol));
    }
}
