// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Identities;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests;

public sealed class IdentityAllocatorTests : IDisposable
{
    private readonly MemoryStore _store = new();
    private readonly ManualTime _time = new();
    private Writer _writer = new();

    public void Dispose() => _writer.Dispose();

    [Fact]
    public void SameLabels_HaveOneNumber_OthersAnother_FromTheFirstFree()
    {
        IdentityAllocator allocator = Make();
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
        Identity before = Make().Acquire(odd, out _);
        Assert.Equal(before, Make().Acquire(odd, out bool isNew));
        Assert.False(isNew);
    }

    [Fact]
    public void UnusedNumber_RestsForAWhile_ThenIsForgotten_AndNotReusedAtOnce()
    {
        IdentityAllocator allocator = Make();
        Identity first = allocator.Acquire(LabelSet.Parse("container:n=1"), out _);
        Use("a", first);
        Use("b", first);
        Assert.False(SweepAfterAnHour());
        Leave("a");
        Assert.False(SweepAfterAnHour());
        Leave("b");
        Assert.False(allocator.Sweep());
        _time.Pass(TimeSpan.FromMinutes(5));
        Assert.False(allocator.Sweep());
        _time.Pass(TimeSpan.FromMinutes(6));
        Assert.True(allocator.Sweep());
        Assert.Empty(_writer.World.Identities);
        Assert.Empty(_writer.World.NumbersOfLabels);
        Assert.Empty(_store.Keys);
        Assert.NotEqual(first, allocator.Acquire(LabelSet.Parse("container:n=2"), out _));

        bool SweepAfterAnHour()
        {
            allocator.Sweep();
            _time.Pass(TimeSpan.FromHours(1));
            return allocator.Sweep();
        }
    }

    /// <summary>An agent that starts takes endpoints as they are: a number that one of them has is never forgotten, whatever
    /// went before.</summary>
    [Fact]
    public void NumberInUse_IsNeverForgotten_AfterARestartThatFoundAnotherEndpointOfItGone()
    {
        Identity web = Make().Acquire(LabelSet.Parse("container:role=web"), out _);
        IdentityAllocator again = Make();
        Use("gone", web);
        Use("stays", web);
        Leave("gone");
        for (int i = 0; i < 5; i++)
        {
            again.Sweep();
            _time.Pass(TimeSpan.FromMinutes(20));
        }

        Assert.True(_writer.World.Identities.ContainsKey(web));
    }

    [Fact]
    public void NumberGivenToday_IsNotTakenForUnusedSinceYesterday()
    {
        IdentityAllocator allocator = Make();
        Identity web = allocator.Acquire(LabelSet.Parse("container:role=web"), out _);
        allocator.Sweep();
        _time.Pass(TimeSpan.FromHours(1));
        Assert.Equal(web, allocator.Acquire(LabelSet.Parse("container:role=web"), out _));
        Assert.False(allocator.Sweep());
    }

    [Fact]
    public void Prefixes_HaveNumbersOfTheirOwn_AndKeepThoseTheyHad()
    {
        IdentityAllocator allocator = Make();
        allocator.RestoreCidrs([(IpPrefix.Parse("10.0.0.0/8"), Identity.ForCidr(7))]);
        Identity[] added = [.. allocator.AddCidrs([IpPrefix.Parse("10.1.0.0/16"), IpPrefix.Parse("10.2.0.0/16")]).Select(cidr => cidr.Identity)];
        Assert.All(added, identity => Assert.True(identity.IsCidr));
        Assert.Equal(3, added.Append(Identity.ForCidr(7)).Distinct().Count());
        Assert.Equal(IpPrefix.Parse("10.0.0.0/8"), _writer.World.Prefixes[Identity.ForCidr(7)]);
        allocator.RetireCidrs([IpPrefix.Parse("10.0.0.0/8"), IpPrefix.Parse("10.9.0.0/16")]);
        Assert.Null(allocator.FindCidr(IpPrefix.Parse("10.0.0.0/8")));
        Assert.True(_writer.World.Prefixes.ContainsKey(Identity.ForCidr(7)));
        Assert.True(allocator.Sweep());
        Assert.False(_writer.World.Prefixes.ContainsKey(Identity.ForCidr(7)));
        Assert.Equal(2, _writer.World.Prefixes.Count);
    }

    private IdentityAllocator Make()
    {
        _writer.Dispose();
        _writer = new Writer();
        return new IdentityAllocator(_writer, _store, _time);
    }

    private void Use(string name, Identity identity) => _writer.Publish(world => world with
    {
        Endpoints = world.Endpoints.SetItem(name, new Endpoint { Id = 1, ExternalId = name, NetworkId = "n", Mac = [], Created = default, Identity = identity }),
    });

    private void Leave(string name) => _writer.Publish(world => world with { Endpoints = world.Endpoints.Remove(name) });
}
