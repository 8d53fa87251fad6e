// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.InteropServices;
using Weir.Datapath.Abi;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class IpAddrTests
{
    [Theory]
    [InlineData("10.1.2.3", "00000000000000000000FFFF0A010203")]
    [InlineData("2001:db8::1", "20010DB8000000000000000000000001")]
    [InlineData("::", "00000000000000000000000000000000")]
    public void From_Address_HasTheBytesOfTheDatapathAndComesBack(string text, string bytes)
    {
        IpAddr address = IpAddr.From(IPAddress.Parse(text));

        Assert.Equal(bytes, Convert.ToHexString(MemoryMarshal.AsBytes(new ReadOnlySpan<IpAddr>(in address))));
        Assert.Equal(IPAddress.Parse(text), address.ToIPAddress());
    }

    [Fact]
    public void Equality_ByContent()
    {
        Assert.True(IpAddr.From(IPAddress.Parse("10.0.0.1")) == IpAddr.From(IPAddress.Parse("::ffff:10.0.0.1")));
        Assert.True(IpAddr.From(IPAddress.Parse("10.0.0.1")) != IpAddr.From(IPAddress.Parse("10.0.0.2")));
    }
}
