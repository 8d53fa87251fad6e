// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Files;

/// <summary>Says what is wrong with the files, and what to go back to. Never what to remove: without records nothing is forbidden.</summary>
internal static class Damage
{
    /// <param name="generation">To which the file belongs.</param>
    /// <param name="what">Is wrong, and where.</param>
    internal static StoreDamagedException In(IDisk disk, long generation, string file, string what, Exception? inner = null)
    {
        string[] names = [.. disk.List()];
        long before = generation - 1;
        string wayBack = names.Contains(FileNames.Snapshot(before)) && names.Contains(FileNames.Journal(before))
            ? $"The records as of {disk.Written(FileNames.Journal(before)):yyyy-MM-dd HH:mm:ss} UTC are beside it: to go back to them, move {FileNames.Snapshot(generation)} and {FileNames.Journal(generation)} to another folder; what was changed since is not in them. Or restore {disk.PathOf("")} whole from a backup."
            : $"Restore {disk.PathOf("")} whole from a backup.";
        return new StoreDamagedException($"{disk.PathOf(file)}: {what}. Nothing was changed. {wayBack}", inner);
    }

    internal static StoreDamagedException At(IDisk disk, long generation, string file, long offset) =>
        In(disk, generation, file, $"what is written at byte {offset} is damaged");
}
