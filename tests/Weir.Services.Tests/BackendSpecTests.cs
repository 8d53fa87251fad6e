// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Services.Tests;

public sealed class BackendSpecTests
{
    [Theory]
    [InlineData("10.11.0.5:8080", "10.11.0.5:8080", 1)]
    [InlineData("10.11.0.5:8080/w=1", "10.11.0.5:8080", 1)]
    [InlineData("10.11.0.6:8080/w=2", "10.11.0.6:8080/w=2", 2)]
    [InlineData("10.11.0.6:8080/w=0", "10.11.0.6:8080/w=0", 0)]
    [InlineData("[2001:DB8::5]:8080/w=100", "[2001:db8::5]:8080/w=100", 100)]
    public void Parse_Backend_IsWrittenInOneWay(string text, string expected, int weight)
    {
        var backend = BackendSpec.Parse(text);

        Assert.Equal((expected, weight), (backend.ToString(), backend.Weight));
        Assert.Equal(backend, BackendSpec.Parse(expected));
    }

    [Theory]
    [InlineData("10.11.0.6", "the port is missing")]
    [InlineData("10.11.0.6:8080/w=101", "from 0 to 100, not \"101\"")]
    [InlineData("10.11.0.6:8080/w=-1", "from 0 to 100, not \"-1\"")]
    [InlineData("10.11.0.6:8080/w=", "from 0 to 100, not \"\"")]
    [InlineData("10.11.0.6:8080/2", "the weight as w=2, not \"2\"")]
    [InlineData("10.11.0.6:8080/weight=2", "the weight as w=2")]
    [InlineData("10.11.0.6:8080/tcp", "its frontend's protocol")]
    [InlineData("10.11.0.6:8080/w=2/w=3", "from 0 to 100")]
    public void TryParse_NoBackend_SaysWhy(string text, string expected)
    {
        Assert.False(BackendSpec.TryParse(text, out _, out var error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => BackendSpec.Parse(text));
    }

    [Fact]
    public void BackendAddress_WithWeight_IsRefused()
    {
        Assert.False(BackendAddress.TryParse("10.11.0.6:8080/w=2", out _, out var error));
        Assert.Contains("the port is a number", error, StringComparison.Ordinal);
    }
}
