// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Weir.Store.Memory;

namespace Weir.Store.Files;

/// <summary>Takes over what versions before journals kept: a file of JSON for every record. The files are moved to a folder
/// within, so that such a version can have them back.</summary>
internal static class Takeover
{
    private const string Extension = ".json";
    private const string DraftExtension = Extension + ".new";

    private static readonly string[] _records = ["installation", "policies", "prefilter", "published"];

    /// <summary>All that such versions had: a state folder may have other people's files in it.</summary>
    internal static IReadOnlyList<string> Folders { get; } = ["endpoints", "identities", "networks", "pools", "services", "settings", "snat-ports"];

    /// <summary>Files of a version before journals.</summary>
    internal static IReadOnlyList<string> Find(IEnumerable<string> names) => [.. names.Where(IsOne)];

    /// <summary>Their records; a draft was never one.</summary>
    internal static State Read(IDisk disk, IEnumerable<string> files)
    {
        Put[] puts = [.. files.Where(name => !name.EndsWith(DraftExtension, StringComparison.Ordinal)).Select(name => new Put(KeyOf(name), ReadRecord(disk, name), 0))];
        return puts.Length == 0 ? State.Empty : Forget(State.Empty.Apply(new Entry(puts, [])));
    }

    /// <summary>Moves the files away, once their records are in a snapshot.</summary>
    /// <param name="isTakenOver">They are; else another version wrote them beside what is there.</param>
    internal static void PutAway(IDisk disk, IReadOnlyList<string> names, bool isTakenOver)
    {
        IReadOnlyList<string> files = Find(names);
        if (files.FirstOrDefault(file => !isTakenOver || names.Contains(FileNames.Before + file)) is { } odd)
        {
            throw new StoreDamagedException(
                $"{disk.PathOf(odd)}: an older weir wrote this beside the records of this one. Nothing was changed. "
                + $"To go on with this version's records, move the older one's {Extension} files to another folder; to go on with the older one's, move {FileNames.Snapshot(0)[..^8]}* and {FileNames.Journal(0)[..^8]}* there.");
        }

        foreach (string file in files)
        {
            disk.Rename(file, FileNames.Before + file);
        }
    }

    private static bool IsOne(string name)
    {
        string[] parts = (name.EndsWith(DraftExtension, StringComparison.Ordinal) ? name[..^DraftExtension.Length]
            : name.EndsWith(Extension, StringComparison.Ordinal) ? name[..^Extension.Length] : "").Split('/');
        return parts.Length == 1 ? _records.Contains(parts[0]) : parts.Length == 2 && Folders.Contains(parts[0]);
    }

    private static State Forget(State state) => state with { History = History.Beginning(state.Revision, state.Records) };

    /// <summary>Every part of a key was escaped, so that it is one file's name.</summary>
    private static string KeyOf(string name) => string.Join('/', name[..^Extension.Length].Split('/').Select(Uri.UnescapeDataString));

    private static byte[] ReadRecord(IDisk disk, string name)
    {
        byte[] bytes = disk.Read(name);
        try
        {
            using var parsed = JsonDocument.Parse(bytes);
            return bytes;
        }
        catch (JsonException e)
        {
            throw new StoreDamagedException($"{disk.PathOf(name)}: {e.Message}. Nothing was changed. Restore the file from a backup.", e);
        }
    }
}
