// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Store;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>What the agent keeps, looked at and changed while it does not run.</summary>
internal sealed class StateFolder(Sandbox sandbox, string path = "/var/lib/weir")
{
    private string Folder => sandbox.HostPath(path);

    /// <summary>The file that the last transactions are in.</summary>
    internal string Journal => Directory.GetFiles(Folder, "journal-*").Order(StringComparer.Ordinal).Last();

    internal void Delete(string key)
    {
        using var records = new OpenRecords(Folder);
        records.Commit(new Transaction().Delete(key));
    }

    internal void Put(string key, string json)
    {
        using var records = new OpenRecords(Folder);
        records.Commit(new Transaction().Put(key, Encoding.UTF8.GetBytes(json)));
    }

    /// <summary>Replaces text in every record of a folder.</summary>
    internal void Replace(string folder, string text, string with)
    {
        using var records = new OpenRecords(Folder);
        var transaction = new Transaction();
        foreach ((string key, string json) in records.All().Where(record => record.Key.StartsWith(folder + "/", StringComparison.Ordinal)))
        {
            transaction.Put(key, Encoding.UTF8.GetBytes(json.Replace(text, with, StringComparison.Ordinal)));
        }

        records.Commit(transaction);
    }

    /// <summary>Writes the records as versions before journals had them, a file each, in place of the journal.</summary>
    internal void WriteAsBeforeJournals()
    {
        Dictionary<string, string> all;
        using (var records = new OpenRecords(Folder))
        {
            all = records.All();
        }

        Directory.Delete(Folder, recursive: true);
        Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach ((string key, string json) in all)
        {
            IEnumerable<string> parts = key.Split('/').Select(part => Uri.EscapeDataString(part).Replace(".", "%2E", StringComparison.Ordinal));
            string file = Path.Combine(Folder, string.Join('/', parts) + ".json");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, json);
        }
    }

    private sealed class OpenRecords(string folder) : IDisposable
    {
        private readonly FileKeyValues _store = FileKeyValues.Open(folder);

        public void Dispose() => _store.DisposeAsync().AsTask().GetAwaiter().GetResult();

        internal Dictionary<string, string> All() =>
            _store.ListAsync("").AsTask().GetAwaiter().GetResult().Records.ToDictionary(record => record.Key, record => Encoding.UTF8.GetString(record.Value.Span));

        internal void Commit(Transaction transaction) => _store.CommitAsync(transaction).AsTask().GetAwaiter().GetResult();
    }
}
