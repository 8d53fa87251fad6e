// SPDX-License-Identifier: Apache-2.0
namespace Weir.Store.Tests;

/// <summary>A fixed history of a store: several records at once, deletes, leases, and more than one snapshot on the way.</summary>
internal static class Story
{
    /// <summary>Makes the journal become a snapshot every few transactions.</summary>
    internal static readonly FileStoreOptions Options = new() { SmallestJournal = 200, Retention = new Retention(Revisions: 5) };

    internal static IReadOnlyList<Func<IKeyValues, Task>> Steps { get; } =
    [
        async store => await store.CommitAsync(new Transaction().Put("networks/a", "one").Put("pools/a", "10.0.0.0/8")),
        async store => await store.GrantLeaseAsync(TimeSpan.FromSeconds(10)),
        async store => await store.CommitAsync(new Transaction().Put("networks/b", "two", 1).Put("pools/b", "10.1.0.0/16").Put("identities/7", "")),
        async store => await store.CommitAsync(new Transaction().IfUnchanged("networks/a", 2).Put("networks/a", "changed").Delete("pools/a")),
        async store => await store.CommitAsync(new Transaction().Put("large", new string('x', 530))),
        async store => await store.CommitAsync(new Transaction().Delete("large").Put("small", "y")),
        async store => await store.RevokeLeaseAsync(1),
        async store => await store.CommitAsync(new Transaction().Put("networks/a", "again").Put("pools/a", "10.0.0.0/8").Delete("small")),
        async store => await store.CommitAsync(new Transaction().Put("large", new string('z', 40))),
        async store => await store.CommitAsync(new Transaction().Put("end", "1")),
    ];

    /// <summary>What there is after so many steps.</summary>
    internal static async Task<IReadOnlyList<string>> DumpsAsync()
    {
        await using var store = new MemoryKeyValues();
        List<string> dumps = [await store.DumpAsync()];
        foreach (Func<IKeyValues, Task> step in Steps)
        {
            await step(store);
            dumps.Add(await store.DumpAsync());
        }

        return dumps;
    }
}
