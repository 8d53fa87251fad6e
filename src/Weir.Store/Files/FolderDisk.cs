// SPDX-License-Identifier: Apache-2.0

using Weir.Linux;

namespace Weir.Store.Files;

/// <summary>A folder, and files in it that only its owner may read.</summary>
/// <param name="isDurable">False: nothing is synced, since nothing outlives the machine there (/run).</param>
internal sealed class FolderDisk(string folder, bool isDurable) : IDisk
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes the folder, or takes away what others may do with one that is empty. One with something in it may be
    /// other people's: it stays as it is.</summary>
    /// <returns>Whether others may enter it.</returns>
    internal static bool Prepare(string folder)
    {
        Directory.CreateDirectory(folder, OwnerOnly);
        if (File.GetUnixFileMode(folder) == OwnerOnly)
        {
            return false;
        }

        if (Directory.EnumerateFileSystemEntries(folder).Any())
        {
            return true;
        }

        File.SetUnixFileMode(folder, OwnerOnly);
        return false;
    }

    public IReadOnlyList<string> List() =>
    [
        .. Takeover.Folders.Append("").SelectMany(name => new[] { name, FileNames.Before + name })
            .Where(name => Directory.Exists(PathOf(name)))
            .SelectMany(name => Directory.EnumerateFiles(PathOf(name)))
            .Select(file => Path.GetRelativePath(folder, file))
            .Order(StringComparer.Ordinal),
    ];

    public string PathOf(string name) => Path.Combine(folder, name);

    public DateTime Written(string name) => File.GetLastWriteTimeUtc(PathOf(name));

    public byte[] Read(string name) => File.ReadAllBytes(PathOf(name));

    public IDiskFile Create(string name)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0, UnixCreateMode = OwnersFile };
        return new FolderFile(new FileStream(PathOf(name), options), isDurable);
    }

    public IDiskFile Open(string name)
    {
        var file = new FileStream(PathOf(name), FileMode.Open, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.Seek(0, SeekOrigin.End);
        return new FolderFile(file, isDurable);
    }

    public void Rename(string from, string to)
    {
        string target = PathOf(to);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!, OwnerOnly);
        File.Move(PathOf(from), target, overwrite: true);
        string left = Path.GetDirectoryName(PathOf(from))!;
        if (left != Path.TrimEndingDirectorySeparator(folder) && !Directory.EnumerateFileSystemEntries(left).Any())
        {
            Directory.Delete(left);
        }
    }

    public void Delete(string name) => File.Delete(PathOf(name));

    public void SyncNames()
    {
        if (!isDurable)
        {
            return;
        }

        try
        {
            using FileDescriptor descriptor = FileDescriptor.OpenRead(folder);
            descriptor.Sync();
        }
        catch (LinuxException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private sealed class FolderFile(FileStream file, bool isDurable) : IDiskFile
    {
        public void Append(ReadOnlySpan<byte> bytes) => file.Write(bytes);

        public void Truncate(long length)
        {
            file.SetLength(length);
            file.Seek(length, SeekOrigin.Begin);
        }

        public void Sync()
        {
            if (isDurable)
            {
                file.Flush(flushToDisk: true);
            }
        }

        public void Dispose() => file.Dispose();
    }
}
