// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Store.Tests;

/// <summary>Stores as text, to be compared.</summary>
internal static class Texts
{
    internal static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    internal static string Text(this KeyValue record) => Encoding.UTF8.GetString(record.Value.Span);

    internal static Transaction Put(this Transaction transaction, string key, string value, long lease = 0) => transaction.Put(key, Bytes(value), lease);

    internal static async Task<string> DumpAsync(this IKeyValues store, long revision = 0)
    {
        Listing listing = await store.ListAsync("", revision);
        return Dump(listing.Revision, listing.Records);
    }

    internal static string Dump(long revision, IEnumerable<KeyValue> records) =>
        $"{revision}: " + string.Join(" ", records.Select(record => $"{record.Key}={record.Text()}@{record.CreateRevision}-{record.ModRevision}/{record.Lease}"));

    internal static string Dump(this RevisionChanges told) =>
        $"{told.Revision}: " + string.Join(" ", told.Changes.Select(change => $"{change.Key}={(change.Record is { } now ? now.Text() : "gone")}<{change.Before?.Text()}"));
}
