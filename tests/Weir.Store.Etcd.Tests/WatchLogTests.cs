// SPDX-License-Identifier: Apache-2.0
using Weir.Store.Etcd.Watching;
using Weir.Store.Tests;
using Xunit;

namespace Weir.Store.Etcd.Tests;

/// <summary>One stream for many readers, without etcd.</summary>
public sealed class WatchLogTests
{
    private readonly WatchLog _log = new(new Retention(Revisions: 3));

    [Fact]
    public void Readers_AreTold_WhatIsTheirs_AtTheirPace()
    {
        Assert.Equal(0, _log.Begin());
        Watcher all = _log.Join("", 5);
        Watcher some = _log.Join("b", 5);
        Assert.True(_log.Rewind.IsCompleted);
        Assert.Equal(5, _log.Begin());
        Assert.Equal("", Read(all));
        Add(5, "a");
        Add(7, "b");
        Assert.Equal("5: a=x< | 7: b=x<", Read(all));
        Assert.Equal("7: b=x<", Read(some));
        _log.Add([new RevisionChanges(9, [])]);
        Assert.Equal("9: ", Read(some));
        Assert.Equal("9: ", Read(all));
        Assert.Equal("", Read(all));
        Assert.Equal(10, _log.Begin());
    }

    /// <summary>Some versions of etcd tell what is older than was asked for, or twice.</summary>
    [Fact]
    public void WhatWasTold_IsNotToldAgain()
    {
        Watcher watcher = _log.Join("", 5);
        _log.Begin();
        Add(4, "a");
        Add(5, "b");
        Add(5, "b");
        _log.Add([new RevisionChanges(3, [])]);
        Assert.Equal("5: b=x<", Read(watcher));
        Assert.Equal("", Read(watcher));
    }

    [Fact]
    public void WhoWantsToBeginEarlier_LetsTheStreamBeginAnew_AndOthersAreNotToldTwice()
    {
        Watcher first = _log.Join("", 5);
        _log.Begin();
        Add(5, "a");
        Assert.Equal("5: a=x<", Read(first));
        Watcher earlier = _log.Join("", 4);
        Assert.True(_log.Rewind.IsCompleted);
        Assert.Equal("", Read(earlier));
        Assert.Equal(4, _log.Begin());
        Add(4, "b");
        Assert.Equal("4: b=x<", Read(earlier));
        Add(5, "a");
        Add(6, "c");
        Assert.Equal("5: a=x< | 6: c=x<", Read(earlier));
        Assert.Equal("6: c=x<", Read(first));
        Assert.False(_log.Rewind.IsCompleted);
        Assert.True(_log.Join("", 6).HasBegun);
    }

    [Fact]
    public void SlowReaders_End_AlsoThoseThatNeverRead()
    {
        Watcher slow = _log.Join("", 1);
        _log.Begin();
        for (int revision = 1; revision < 9; revision++)
        {
            Add(revision, "a");
        }

        Assert.Equal(5, Assert.Throws<CompactedException>(() => Read(slow)).Revision);
        Assert.Equal("6: a=x< | 7: a=x< | 8: a=x<", Read(_log.Join("", 6)));
        _log.Leave(slow);
        Assert.Equal(9, _log.Begin());
    }

    [Fact]
    public void Compaction_EndsOnlyWhoIsBehindIt()
    {
        Watcher behind = _log.Join("", 5);
        Watcher ahead = _log.Join("", 9);
        _log.Begin();
        _log.Forget(new CompactedException(7));
        Assert.Throws<CompactedException>(() => Read(behind));
        Assert.Equal(8, _log.Begin());
        Add(9, "a");
        Assert.Equal("9: a=x<", Read(ahead));
    }

    [Fact]
    public void AnotherHistory_EndsAll_AndIsWatchedOnlyFromItsOwnListings()
    {
        Watcher before = _log.Join("", 5);
        _log.Begin();
        _log.Restart(new CompactedException(3, "put back"), known: 8);
        Assert.Throws<CompactedException>(() => Read(before));
        Assert.Throws<CompactedException>(() => _log.Join("a", 9));
        Assert.Equal(10, _log.Join("b", 10).Next);
        Assert.Throws<CompactedException>(() => _log.Join("b", 9, generation: 0));
        Assert.Equal(5, _log.Join("b", 5, generation: 1).Next);
        _log.Listed("a", generation: 0);
        Assert.Throws<CompactedException>(() => _log.Join("a", 4));
        _log.Listed("a", generation: 1);
        Assert.Equal(4, _log.Join("a", 4).Next);
        Assert.Equal(4, _log.Join("a/b", 4).Next);
        Assert.Throws<CompactedException>(() => _log.Join("", 4));
        Assert.Equal(4, _log.Begin());
    }

    private void Add(long revision, string key) =>
        _log.Add([new RevisionChanges(revision, [new Change(key, new KeyValue(key, Texts.Bytes("x"), revision, revision), null)])]);

    private string Read(Watcher watcher) => string.Join(" | ", _log.Read(watcher).Told.Select(told => told.Dump()));
}
