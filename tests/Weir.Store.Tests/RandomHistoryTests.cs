// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Xunit;

namespace Weir.Store.Tests;

/// <summary>Random histories, with closings, compactions, losses of power and a disk that fails now and then: memory, files and
/// the model never differ.</summary>
public sealed class RandomHistoryTests
{
    [Fact]
    public async Task EveryHistory_IsTheModels()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            try
            {
                await RunAsync(new Random(seed));
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"with seed {seed}", e);
            }
        }
    }

    private static async Task RunAsync(Random random)
    {
        var model = new ReferenceModel();
        var options = new FileStoreOptions { SmallestJournal = random.Next(100, 2000) };
        var disk = new TestDisk { FailsOnce = true };
        await using var memory = new MemoryKeyValues();
        FileKeyValues files = FileKeyValues.Open(disk, "/disk", options, null);
        long known = 1; // the oldest that the files can list
        for (int step = 0; step < 60; step++)
        {
            disk.FailAt = random.Next(6) == 0 ? disk.Steps + random.Next(400) : long.MaxValue;
            switch (random.Next(12))
            {
                case 0:
                    disk.FailAt = long.MaxValue;
                    await files.DisposeAsync();
                    Loss loss = Enum.GetValues<Loss>()[random.Next(3)];
                    TestDisk left = disk.After(loss);
                    disk = new TestDisk { FailsOnce = true };
                    foreach ((string name, byte[] content) in left.Contents)
                    {
                        disk.Write(name, content);
                    }

                    files = FileKeyValues.Open(disk, "/disk", options, null);
                    known = model.Revision;
                    break;
                case 1:
                    if (await TryAsync(async () => await files.GrantLeaseAsync(TimeSpan.FromDays(1))))
                    {
                        Assert.Equal(model.Grant(), await memory.GrantLeaseAsync(TimeSpan.FromDays(1)));
                    }

                    break;
                case 2 when model.Leases.Any():
                    long lease = model.Leases.ElementAt(random.Next(model.Leases.Count()));
                    if (await TryAsync(async () => await files.RevokeLeaseAsync(lease)))
                    {
                        await memory.RevokeLeaseAsync(lease);
                        model.Revoke(lease);
                    }

                    break;
                default:
                    Transaction transaction = Any(random, model);
                    TransactionResult result = default;
                    if (await TryAsync(async () => result = await files.CommitAsync(transaction)))
                    {
                        Assert.Equal(model.Apply(transaction), result);
                        Assert.Equal(result, await memory.CommitAsync(transaction));
                    }

                    break;
            }

            Assert.Equal(model.Dump(model.Revision), await files.DumpAsync());
            Assert.Equal(model.Dump(model.Revision), await memory.DumpAsync());
            long past = random.NextInt64(known, model.Revision + 1);
            Assert.Equal(model.Dump(past), await files.DumpAsync(past));
        }

        await CompareWatchAsync(memory, model, 2);
        await CompareWatchAsync(files, model, known + 1);
        await files.DisposeAsync();
    }

    private static Transaction Any(Random random, ReferenceModel model)
    {
        var transaction = new Transaction();
        foreach (int key in Enumerable.Range(0, 12).OrderBy(_ => random.Next()).Take(random.Next(5)))
        {
            string name = $"{(char)('a' + (key % 3))}/{key}";
            if (random.Next(4) == 0)
            {
                transaction.IfUnchanged(name, random.Next(4) == 0 ? random.NextInt64(model.Revision + 1) : model.ModRevisionOf(name));
            }

            if (random.Next(3) == 0)
            {
                transaction.Delete(name);
            }
            else
            {
                long lease = random.Next(4) == 0 ? model.Leases.LastOrDefault() : 0;
                transaction.Put(name, new string('v', random.Next(30)) + random.Next(100).ToString(CultureInfo.InvariantCulture), lease);
            }
        }

        return transaction;
    }

    private static async Task<bool> TryAsync(Func<Task> change)
    {
        try
        {
            await change();
            return true;
        }
        catch (StoreException)
        {
            return false;
        }
    }

    private static async Task CompareWatchAsync(IKeyValues store, ReferenceModel model, long from)
    {
        await using IAsyncEnumerator<RevisionChanges> watch = store.WatchAsync("", from).GetAsyncEnumerator();
        for (long revision = from; revision <= model.Revision; revision++)
        {
            Assert.True(await watch.MoveNextAsync());
            Assert.Equal(model.Told(revision), watch.Current.Dump());
        }
    }
}
