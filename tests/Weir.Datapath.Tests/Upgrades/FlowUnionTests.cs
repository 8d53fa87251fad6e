// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;
using Xunit;

namespace Weir.Datapath.Tests.Upgrades;

public sealed class FlowUnionTests
{
    private static readonly string[] _fields = ["packets", "flags", "opener.una", "opener.nxt", "answerer.una", "answerer.nxt", "rule"];
    private static readonly TypeLayout _layout = new(_fields.Length * sizeof(uint), [.. _fields.Select((name, i) => new MapField(name, i * sizeof(uint), sizeof(uint), 1, false))]);

    private const uint Numbers = (uint)CtFlag.Numbers;
    private const uint Both = Numbers | (uint)CtFlag.Established;

    /// <summary>The new programs saw a byte of the opener's and that it arrived: with the old entry alone, the answer would be refused for ever.</summary>
    [Fact]
    public void ByteThatOnlyTheNewProgramsSaw_IsNotForgotten() => Assert.Equal(
        [9, Both, 101, 102, 501, 501, 7],
        Join(before: [9, Both, 101, 101, 501, 501, 7], now: [3, 0, 101, 102, 0, 0, 7]));

    [Fact]
    public void AnswerThatOnlyTheOldProgramsSaw_IsNotForgotten_ThoughTheNewOnesSawMore() => Assert.Equal(
        [9, Both, 101, 140, 500, 501, 8],
        Join(before: [2, Numbers, 100, 101, 500, 501, 7], now: [9, (uint)CtFlag.Established, 101, 140, 0, 0, 8]));

    [Fact]
    public void AnswerThatOnlyTheNewProgramsSaw_IsNotForgotten() => Assert.Equal(
        [9, Both, 101, 101, 501, 501, 7],
        Join(before: [9, (uint)CtFlag.Established, 101, 101, 0, 0, 7], now: [3, Numbers, 101, 101, 501, 501, 7]));

    [Fact]
    public void NumbersBeginAnewAfterTheLast() => Assert.Equal(
        [9, Both, 5, 6, 501, 501, 7],
        Join(before: [9, Both, 0xffff_fff0, 5, 501, 501, 7], now: [3, Both, 5, 6, 501, 501, 7]));

    [Fact]
    public void NothingIsMore_WhereNowKnowsAll() =>
        Assert.Null(Join(before: [2, Numbers, 100, 101, 500, 501, 7], now: [9, Both, 101, 140, 501, 501, 8]));

    [Fact]
    public void OtherValues_AreNoFlows() => Assert.Null(FlowUnion.Of(new TypeLayout(8, [new MapField("flags", 0, 4, 1, false), new MapField("packets", 4, 4, 1, false)])));

    /// <summary>Null: the entry of now stays as it is.</summary>
    private static uint[]? Join(uint[] before, uint[] now)
    {
        byte[] joined = Bytes(before);
        return FlowUnion.Of(_layout)!.Join(joined, Bytes(now))
            ? [.. Enumerable.Range(0, before.Length).Select(i => BinaryPrimitives.ReadUInt32LittleEndian(joined.AsSpan(i * sizeof(uint))))]
            : null;
    }

    private static byte[] Bytes(uint[] numbers)
    {
        byte[] bytes = new byte[numbers.Length * sizeof(uint)];
        for (int i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)), numbers[i]);
        }

        return bytes;
    }
}
