// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Store.Tests;

public sealed class MemoryKeyValuesTests : KeyValuesContract
{
    private protected override Task<IKeyValues> OpenAsync() => Task.FromResult<IKeyValues>(new MemoryKeyValues(Time));

    [Fact]
    public async Task Past_IsKeptWithinBounds()
    {
        await using var few = new MemoryKeyValues(retention: new Retention(Revisions: 3));
        await using var small = new MemoryKeyValues(retention: new Retention(Bytes: 10_000));
        for (int i = 0; i < 10; i++)
        {
            await few.CommitAsync(new Transaction().Put("a", $"{i}"));
            await small.CommitAsync(new Transaction().Put("a", new string('x', 4_000)));
        }

        Assert.Equal(8, (await Assert.ThrowsAsync<CompactedException>(() => few.DumpAsync(7))).Revision);
        Assert.Equal("8: a=6@2-8/0", await few.DumpAsync(8));
        Assert.Equal(10, (await Assert.ThrowsAsync<CompactedException>(() => small.DumpAsync(9))).Revision);
    }
}
