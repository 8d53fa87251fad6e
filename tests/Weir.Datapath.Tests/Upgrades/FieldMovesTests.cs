// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf.Btf;
using Xunit;

namespace Weir.Datapath.Tests.Upgrades;

public sealed class FieldMovesTests
{
    [Theory]
    [InlineData(2, 4, false, "0102", "01020000")]
    [InlineData(2, 4, true, "0102", "00000102")]
    [InlineData(4, 2, false, "01020000", "0102")]
    [InlineData(4, 2, true, "00000102", "0102")]
    [InlineData(4, 2, false, "01020300", null)]
    [InlineData(4, 2, true, "00010102", null)]
    public void Number_OfOtherSize_KeepsItsValue_OrDoesNotFit(int from, int to, bool isBigEndian, string before, string? after)
    {
        var moves = new FieldMoves(Layout(from, Field("n", 0, from, isBigEndian: isBigEndian)), Layout(to, Field("n", 0, to, isBigEndian: isBigEndian)));
        byte[] moved = new byte[to];

        Assert.Equal(after is not null, moves.TryMove(Convert.FromHexString(before), moved));
        Assert.Equal(after ?? Convert.ToHexString(moved), Convert.ToHexString(moved));
    }

    [Fact]
    public void Fields_GoByTheirNames_NewOnesAreZero_GoneOnesAreLeft()
    {
        var moves = new FieldMoves(
            Layout(8, Field("a", 0, 2), Field("gone", 2, 2), Field("b", 4, 2), Field("c", 6, 2)),
            Layout(10, Field("c", 0, 2), Field("new", 2, 4), Field("a", 6, 2), Field("b", 8, 2)));
        byte[] moved = [.. Enumerable.Repeat((byte)0xff, 10)];

        Assert.True(moves.TryMove(Convert.FromHexString("A1A2EEEEB1B2C1C2"), moved));
        Assert.Equal("C1C200000000A1A2B1B2", Convert.ToHexString(moved));
    }

    [Theory]
    [InlineData("010203040000", true, "01020304")]
    [InlineData("010203040005", false, null)]
    public void Row_ThatIsShorter_TakesWhatIsNotZero_OrDoesNotFit(string before, bool fits, string? after)
    {
        var moves = new FieldMoves(Layout(6, new MapField("row", 0, 2, 3, false)), Layout(4, new MapField("row", 0, 2, 2, false)));
        byte[] moved = new byte[4];

        Assert.Equal(fits, moves.TryMove(Convert.FromHexString(before), moved));
        Assert.Equal(after ?? Convert.ToHexString(moved), Convert.ToHexString(moved));
    }

    /// <summary>The key is a length, an identity, a direction, and a port of 16 bits; in the other layout there is a zone before the port, and
    /// the identity has 8 bytes.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(32, 64)] // before the direction
    [InlineData(40, 88)] // before the port: the zone counts
    [InlineData(48, 96)] // within the port
    [InlineData(56, 104)] // all of it
    public void Prefix_EndsBeforeTheSameField(int before, int after)
    {
        var moves = new FieldMoves(
            Layout(11, Field("prefix_len", 0, 4), Field("identity", 4, 4), Field("direction", 8, 1), Field("port", 9, 2, isBigEndian: true)),
            Layout(17, Field("prefix_len", 0, 4), Field("identity", 4, 8), Field("direction", 12, 1), Field("zone", 13, 2), Field("port", 15, 2, isBigEndian: true)));

        Assert.Equal(after, moves.MovePrefix(before));
    }

    private static TypeLayout Layout(int size, params MapField[] fields) => new(size, fields);

    private static MapField Field(string name, int offset, int size, bool isBigEndian = false) => new(name, offset, size, 1, isBigEndian);
}
