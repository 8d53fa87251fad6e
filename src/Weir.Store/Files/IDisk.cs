// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Files;

/// <summary>One folder of files: all that the file store asks of a disk. What was appended lasts once its file is synced,
/// a new, renamed or deleted name once the names are. Failures are <see cref="IOException"/> and the like.</summary>
internal interface IDisk
{
    /// <summary>The files, relative to the folder, with those of folders that were the store's.</summary>
    IReadOnlyList<string> List();

    /// <summary>For messages.</summary>
    string PathOf(string name);

    /// <summary>When a file was last written, UTC.</summary>
    DateTime Written(string name);

    byte[] Read(string name);

    /// <summary>A new, empty file in place of what has this name.</summary>
    IDiskFile Create(string name);

    /// <summary>An existing file, to append to.</summary>
    IDiskFile Open(string name);

    /// <summary>In place of what has the new name; makes the folder it is in, and takes away one that is empty then.</summary>
    void Rename(string from, string to);

    void Delete(string name);

    /// <summary>Returns when the names are on disk.</summary>
    void SyncNames();
}
