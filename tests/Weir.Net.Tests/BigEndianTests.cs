// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Xunit;

namespace Weir.Net.Tests;

public sealed class BigEndianTests
{
    [Fact]
    public void UInt16_LiesInNetworkOrder()
    {
        BigEndianUInt16 port = 0x1234;
        Assert.Equal([0x12, 0x34], MemoryMarshal.AsBytes([port]).ToArray());
        Assert.Equal(0x1234, (ushort)port);
        Assert.Equal(port, BigEndianUInt16.FromNetworkOrder(port.NetworkOrder));
    }

    [Fact]
    public void UInt32_LiesInNetworkOrder()
    {
        BigEndianUInt32 word = 0x0a000001;
        Assert.Equal([10, 0, 0, 1], MemoryMarshal.AsBytes([word]).ToArray());
        Assert.Equal(0x0a000001u, (uint)word);
    }
}
