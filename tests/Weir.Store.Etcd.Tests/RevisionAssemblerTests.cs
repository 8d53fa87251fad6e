// SPDX-License-Identifier: Apache-2.0
using Google.Protobuf;
using Weir.Store.Etcd.Api;
using Weir.Store.Etcd.Watching;
using Weir.Store.Tests;
using Xunit;
using Record = Weir.Store.Etcd.Api.Record;

namespace Weir.Store.Etcd.Tests;

/// <summary>Responses as etcd cuts them.</summary>
public sealed class RevisionAssemblerTests
{
    private readonly RevisionAssembler _assembler = new(new KeySpace("/weir/"));

    [Fact]
    public void Pieces_AreOne_AndEachRevisionIsInTheOrderOfItsKeys()
    {
        Assert.Equal("", Add(true, Put("c", 5), Put("b", 5)));
        Assert.Equal("", Add(true, Put("a", 5)));
        Assert.Equal("5: a=x< b=x< c=x< | 6: d=x<", Add(false, Put("d", 6)));
        Assert.Equal("7: e=x<", Add(false, Put("e", 7)));
    }

    [Fact]
    public void ResponseWithoutChanges_IsProgress_AndTheStoresOwnKeysAreNobodys()
    {
        Assert.Equal("9: ", Add(false));
        Assert.Equal("", string.Join(" | ", _assembler.Add(new WatchResponse { Header = new ResponseHeader { Revision = 9 }, Created = true })));
        Assert.Equal("8: ", Add(false, Put(".store/last", 8)));
    }

    [Fact]
    public void Deletion_TellsWhatWas()
    {
        Event deletion = new() { Type = Event.Types.EventType.Delete, Kv = new Record { Key = Key("a"), ModRevision = 6 }, PrevKv = Put("a", 5).Kv };
        Assert.Equal("6: a=gone<x", Add(false, deletion));
    }

    /// <summary>etcd leaves out what was there before if that is compacted, as if there had been nothing.</summary>
    [Fact]
    public void ChangeWithoutItsPast_IsNotTold()
    {
        Event put = Put("a", 6);
        put.Kv.Version = 2;
        Assert.Equal(6, Assert.Throws<CompactedException>(() => Add(false, put)).Revision);
        Event deletion = new() { Type = Event.Types.EventType.Delete, Kv = new Record { Key = Key("a"), ModRevision = 7 } };
        Assert.Equal(7, Assert.Throws<CompactedException>(() => new RevisionAssembler(new KeySpace("/weir/")).Add(new WatchResponse { Events = { deletion } })).Revision);
    }

    private static ByteString Key(string key) => ByteString.CopyFromUtf8($"/weir/{key}");

    private static Event Put(string key, long revision) =>
        new() { Kv = new Record { Key = Key(key), Value = ByteString.CopyFromUtf8("x"), CreateRevision = revision, ModRevision = revision, Version = 1 } };

    private string Add(bool isPiece, params Event[] events) => string.Join(
        " | ", _assembler.Add(new WatchResponse { Header = new ResponseHeader { Revision = 9 }, Fragment = isPiece, Events = { events } }).Select(told => told.Dump()));
}
