// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Identities;
using Weir.Net;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests;

public sealed class IdentityAllocatorTests
{
    private readonly MemoryStore _store = new();
    private readonly ManualTime _time = new();

    [Fact]
    public void SameLabels_HaveOneNumber_OthersAnother_FromTheFirstFree()
    {
        var allocator = new IdentityAllocator(_store, _time);
        Identity web = allocator.Acquire(LabelSet.Parse("container:role=web"), out bool isNew);
        Assert.True(isNew);
        Assert.Equal(Identity.FirstAllocated, web.Value);
        Assert.Equal(web, allocator.Acquire(LabelSet.Parse("container:role=web"), out isNew));
        Assert.False(isNew);
        Assert.NotEqual(web, allocator.Acquire(LabelSet.Parse("container:role=api"), out _));
    }

    [Fact]
    public void Restart_KeepsNumbers_AlsoOfOddLabels()
    {
        LabelSet odd = new([new Label("container", "a;b\\", "c=d;e"), new Label("container", "x", "")]);
        Identity before = new IdentityAllocator(_store, _time).Acquire(odd, out _);
        Assert.Equal(before, new IdentityAllocator(_store, _time).Acquire(odd, out bool isNew));
        Assert.False(isNew);
    }

    [Fact]
    public void UnusedNumber_RestsForAWhile_ThenIsForgotten_AndNotReusedAtOnce()
    {
        var allocator = new IdentityAllocator(_store, _time);
        Identity first = allocator.Acquire(LabelSet.Parse("container:n=1"), out _);
        allocator.Acquire(LabelSet.Parse("container:n=1"), out _);
        allocator.Release(first);
        _time.Pass(TimeSpan.FromHours(1));
        Assert.False(allocator.Sweep());
        allocator.Release(first);
        Assert.False(allocator.Sweep());
        _time.Pass(TimeSpan.FromHours(1));
        Assert.True(allocator.Sweep());
        Assert.Null(allocator.FindLabels(first));
        Assert.Empty(_store.Keys);
        Assert.NotEqual(first, allocator.Acquire(LabelSet.Parse("container:n=2"), out _));
    }

    [Fact]
    public void Prefixes_HaveNumbersOfTheirOwn_AndKeepThoseTheyHad()
    {
        var allocator = new IdentityAllocator(_store, _time);
        allocator.RestoreCidr(IpPrefix.Parse("10.0.0.0/8"), Identity.ForCidr(7));
        Identity added = allocator.AddCidr(IpPrefix.Parse("10.1.0.0/16"));
        Assert.True(added.IsCidr);
        Assert.NotEqual(Identity.ForCidr(7), added);
        Assert.Equal(IpPrefix.Parse("10.0.0.0/8"), allocator.FindPrefix(Identity.ForCidr(7)));
        allocator.RemoveCidr(IpPrefix.Parse("10.0.0.0/8"));
        Assert.Null(allocator.FindCidr(IpPrefix.Parse("10.0.0.0/8")));
        Assert.Null(allocator.FindPrefix(Identity.ForCidr(7)));
    }
}
