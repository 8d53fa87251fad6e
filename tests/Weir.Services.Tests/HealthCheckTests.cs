// SPDX-License-Identifier: Apache-2.0
using Weir.Services.Reading;
using Xunit;

namespace Weir.Services.Tests;

public sealed class HealthCheckTests
{
    [Theory]
    [InlineData("tcp")]
    [InlineData("http:/")]
    [InlineData("http:/healthz?full=1")]
    [InlineData("tcp,interval=5s,timeout=500ms,rise=1,fall=5,port=8081")]
    [InlineData("http:/healthz,interval=1m30s,host=shop.example:8080")]
    public void Parse_Check_IsWrittenAsRead(string text) => Assert.Equal(text, HealthCheck.Parse(text).ToString());

    [Fact]
    public void Parse_Defaults_AreThose()
    {
        var check = HealthCheck.Parse("http");

        Assert.Equal(new HealthCheck(HealthCheckKind.Http), check);
        Assert.Equal(("/", 2.0, 1.0, 2, 3), (check.Path, check.Interval.TotalSeconds, check.Timeout.TotalSeconds, check.Rise, check.Fall));
        Assert.Null(check.Port);
    }

    [Theory]
    [InlineData("", "tcp or http:/path, not \"\"")]
    [InlineData("https:/healthz", "tcp or http:/path")]
    [InlineData("http:healthz", "begins with '/'")]
    [InlineData("http:/a b", "%20")]
    [InlineData("http:/a\r\nHost: x", "%20")]
    [InlineData("tcp,interval=5", "interval is a time from 100ms to 1h")]
    [InlineData("tcp,interval=1ms", "interval is a time")]
    [InlineData("tcp,interval=2h", "interval is a time")]
    [InlineData("tcp,interval=1s,timeout=2s", "timeout 2s is longer than interval 1s")]
    [InlineData("tcp,intervall=1s", "did you mean \"interval\"")]
    [InlineData("tcp,rise=0", "rise is a number from 1 to 100")]
    [InlineData("tcp,fall=101", "fall is a number from 1 to 100")]
    [InlineData("tcp,port=65536", "port is a number from 1 to 65535")]
    [InlineData("tcp,rise=1,rise=2", "rise is written twice")]
    [InlineData("tcp,host=shop", "host goes with http only")]
    [InlineData("http:/,host=a b", "host is a name")]
    [InlineData("tcp,", "unknown option \"\"")]
    public void TryParse_NoCheck_SaysWhy(string text, string expected)
    {
        Assert.False(HealthCheck.TryParse(text, out var check, out var error));
        Assert.Null(check);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("2s", 2_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("7d", 604_800_000)]
    [InlineData("0s", 0)]
    public void Duration_Text_RoundTrips(string text, long milliseconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(milliseconds, (long)duration.TotalMilliseconds);
        Assert.Equal(text, Duration.Write(duration));
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("-5s")]
    [InlineData("5 s")]
    [InlineData("5S")]
    [InlineData("1.5s")]
    [InlineData("1s1s")]
    [InlineData("1s1m")]
    [InlineData("9999999999d")]
    public void Duration_OtherText_IsRefused(string text) => Assert.False(Duration.TryParse(text, out _));
}
