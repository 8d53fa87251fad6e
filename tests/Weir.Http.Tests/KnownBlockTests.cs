// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Http2;
using Xunit;

namespace Weir.Http.Tests;

public sealed class KnownBlockTests
{
    private const string Entering = "4001780161"; // x: a, into the table
    private const string Newest = "be"; // the table's newest entry

    [Fact]
    public void BlockThatChangesTheTable_IsNotKept() => Assert.False(After(new HpackDecoder(), Entering).IsKept);

    [Fact]
    public void BlockThatChangesNothing_IsKnown_UntilTheTableChanges()
    {
        var decoder = new HpackDecoder();
        After(decoder, Entering);
        var known = After(decoder, Newest);
        Assert.True(known.Is(Convert.FromHexString(Newest), decoder.Version));
        Assert.False(known.Is(Convert.FromHexString("82"), decoder.Version));
        After(decoder, Entering);
        Assert.False(known.Is(Convert.FromHexString(Newest), decoder.Version));
    }

    [Fact]
    public void TableThatIsEmptied_HasChanged()
    {
        var decoder = new HpackDecoder();
        var known = After(decoder, "82");
        After(decoder, "2082");
        Assert.False(known.Is(Convert.FromHexString("82"), decoder.Version));
    }

    [Fact]
    public void LongBlock_IsNotKept() =>
        Assert.False(After(new HpackDecoder(), string.Concat(Enumerable.Repeat("82", KnownBlock.Most + 1))).IsKept);

    private static KnownBlock After(HpackDecoder decoder, string hex)
    {
        var known = default(KnownBlock);
        var block = Convert.FromHexString(hex);
        var before = decoder.Version;
        Assert.True(decoder.Decode(block, new HeaderList()));
        known.Keep(block, before, decoder.Version);
        return known;
    }
}
