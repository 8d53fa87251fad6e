// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Proxy.Tests;

public sealed class SpareMemoryTests
{
    private const long Mega = 1024 * 1024;

    [Fact]
    public void BurstThatIsOver_IsWorthACollection_AndOneThatIsNot_IsNot()
    {
        using var memory = new SpareMemory(() => 0);
        Assert.False(memory.IsWorthIt(40 * Mega, 0));
        Assert.False(memory.IsWorthIt(100 * Mega, 50 * Mega));
        Assert.True(memory.IsWorthIt(100 * Mega, 0));
    }

    [Fact]
    public void CollectionThatDoesNotHelp_IsNotRepeated()
    {
        using var memory = new SpareMemory(() => 0);
        memory.IsWorthIt(40 * Mega, 0);
        Assert.True(memory.IsWorthIt(100 * Mega, 0));
        memory.OnCollected(95 * Mega, 0);
        Assert.False(memory.IsWorthIt(100 * Mega, 0));
        Assert.False(memory.IsWorthIt(60 * Mega, 0));
        Assert.True(memory.IsWorthIt(100 * Mega, 0));
    }
}
